package pebblekv

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/tandemdb/tandem/internal/storage"
)

// tokensMax is how many tokens are remembered; the oldest go first.
const tokensMax = 4096

// tokens remembers the transactions whose token was given out.
type tokens struct {
	mu    sync.Mutex
	epoch uint64 // tokens of another opening of the store mean nothing
	m     map[storage.TxnToken]*txn
	order []storage.TxnToken
}

// Token identifies the transaction for Engine.CommitStatus.
func (t *txn) Token() storage.TxnToken { return t.db.token(t) }

func (db *DB) token(t *txn) storage.TxnToken {
	db.tokens.mu.Lock()
	defer db.tokens.mu.Unlock()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], db.tokens.epoch)
	binary.BigEndian.PutUint64(b[8:], t.info.ID)
	token := storage.TxnToken(b[:])
	if _, ok := db.tokens.m[token]; ok {
		return token
	}
	if len(db.tokens.order) == tokensMax {
		delete(db.tokens.m, db.tokens.order[0])
		db.tokens.order = db.tokens.order[1:]
	}
	if db.tokens.m == nil {
		db.tokens.m = make(map[storage.TxnToken]*txn)
	}
	db.tokens.m[token] = t
	db.tokens.order = append(db.tokens.order, token)
	return token
}

// CommitStatus tells how a transaction of this opening of the store ended. One
// that is open is fenced off: it can only be rolled back. A token that is not
// known any more gives storage.StateUnknown.
func (db *DB) CommitStatus(_ context.Context, token storage.TxnToken) (storage.State, storage.Timestamp, error) {
	if err := db.check(); err != nil {
		return storage.StateUnknown, 0, err
	}
	db.tokens.mu.Lock()
	t := db.tokens.m[token]
	db.tokens.mu.Unlock()
	if t == nil {
		return storage.StateUnknown, 0, nil
	}
	if t.phase.CompareAndSwap(phaseOpen, phaseFenced) || t.phase.Load() == phaseFenced {
		return storage.StateAborted, 0, nil
	}
	db.commitMu.Lock() // its critical section ends
	defer db.commitMu.Unlock()
	state := t.info.State()
	if state == storage.StateOpen { // it failed before anything was applied
		state = storage.StateAborted
	}
	return state, t.info.CommittedAt(), nil
}
