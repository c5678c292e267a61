package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/storage"
)

// source is an endless query that notes its end.
type source struct{ closed chan struct{} }

func newSource() *source { return &source{make(chan struct{})} }

func (s *source) Next(context.Context) (bsonx.Doc, bool, error) { return bsonx.Empty, true, nil }
func (s *source) Close() error                                  { close(s.closed); return nil }

func (s *source) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

func open(r *rig, owner session.Owner, st *session.Statement) (int64, *source) {
	src := newSource()
	return r.Cursors.Add(&session.Cursor{NS: "db.c", Source: src, Owner: owner}, st), src
}

func TestCursorsBelongToTheirSessionAndTransaction(t *testing.T) {
	none := session.Owner{Txn: session.NoTxn}
	mine, other := session.Owner{Session: id(1), Txn: session.NoTxn}, session.Owner{Session: id(2), Txn: session.NoTxn}
	inTxn, inNext := session.Owner{Session: id(1), Txn: 4}, session.Owner{Session: id(1), Txn: 5}
	for _, tc := range []struct {
		name     string
		made, by session.Owner
		code     mongoerr.Code
	}{
		{"without session", none, none, 0},
		{"same session", mine, mine, 0},
		{"same transaction", inTxn, inTxn, 0},
		{"made without session", none, mine, 50736},
		{"used without session", mine, none, 50737},
		{"other session", mine, other, 50738},
		{"made outside the transaction", mine, inTxn, 50739},
		{"used outside the transaction", inTxn, mine, 50740},
		{"other transaction", inTxn, inNext, 50741},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			n, _ := open(r, tc.made, nil)
			require.Positive(t, n)
			c, err := r.Cursors.CheckOut(n, "db.c", tc.by, nil)
			if tc.code != 0 {
				require.Equal(t, tc.code, mongoerr.From(err).Code)
				return
			}
			require.NoError(t, err)
			require.NoError(t, r.Cursors.CheckIn(c))
		})
	}
}

func TestCursorLife(t *testing.T) {
	r := newRig(t)
	none := session.Owner{Txn: session.NoTxn}
	get := func(n int64, by session.Interrupter) (*session.Cursor, error) {
		return r.Cursors.CheckOut(n, "db.c", none, by)
	}
	fails := func(n int64, code mongoerr.Code) {
		t.Helper()
		_, err := get(n, nil)
		require.Equal(t, code, mongoerr.From(err).Code)
	}
	fails(17, mongoerr.CursorNotFound)
	n, src := open(r, none, nil)
	_, err := r.Cursors.CheckOut(n, "db.other", none, nil)
	require.True(t, mongoerr.Is(err, mongoerr.Unauthorized))
	c, err := get(n, nil)
	require.NoError(t, err)
	fails(n, mongoerr.CursorInUse)
	r.Cursors.Close(c)
	require.True(t, src.isClosed())
	fails(n, mongoerr.CursorNotFound)

	// Killed while idle: gone. Killed while in use: the statement is stopped.
	n, src = open(r, none, nil)
	require.False(t, r.Cursors.Kill(n, "db.other"))
	require.True(t, r.Cursors.Kill(n, "db.c"))
	require.False(t, r.Cursors.Kill(n, "db.c"))
	require.True(t, src.isClosed())
	n, src = open(r, none, nil)
	running := stopper{make(chan error, 1)}
	c, err = get(n, running)
	require.NoError(t, err)
	require.True(t, r.Cursors.Kill(n, "db.c"))
	require.True(t, mongoerr.Is(<-running.cause, mongoerr.CursorKilled))
	require.False(t, src.isClosed(), "its user is still at it")
	require.True(t, mongoerr.Is(r.Cursors.CheckIn(c), mongoerr.CursorKilled))
	require.True(t, src.isClosed())

	// A dropped collection: the next getMore says so, once.
	n, src = open(r, none, nil)
	r.Cursors.KillNamespace("db.c", "collection dropped")
	require.True(t, src.isClosed())
	fails(n, mongoerr.QueryPlanKilled)
	fails(n, mongoerr.CursorNotFound)
}

func TestIdleCursorsExpire(t *testing.T) {
	r := newRig(t)
	none := session.Owner{Txn: session.NoTxn}
	n, src := open(r, none, nil)
	forever := newSource()
	kept := r.Cursors.Add(&session.Cursor{NS: "db.c", Source: forever, Owner: none, NoTimeout: true}, nil)
	r.advance(9 * time.Minute)
	r.Cursors.ExpireIdle()
	require.False(t, src.isClosed())
	r.advance(2 * time.Minute)
	r.Cursors.ExpireIdle()
	require.True(t, src.isClosed())
	_, err := r.Cursors.CheckOut(n, "db.c", none, nil)
	require.True(t, mongoerr.Is(err, mongoerr.CursorNotFound))
	require.False(t, forever.isClosed())
	require.True(t, r.Cursors.Kill(kept, "db.c"))
}

func TestCursorsEndWithTheirTransaction(t *testing.T) {
	r := newRig(t)
	inTxn := session.Owner{Session: id(1), Txn: 1}
	st := r.must(1, session.KindStart)
	_, ended := open(r, inTxn, st)
	n, killed := open(r, inTxn, st)
	st.CheckIn()
	require.True(t, r.Cursors.Kill(n, "db.c"))
	require.False(t, killed.isClosed(), "another statement of the transaction may be running")
	st = r.must(1, session.KindCommit)
	_, err := st.Commit(context.Background(), storage.Buffered)
	require.NoError(t, err)
	st.CheckIn()
	require.True(t, ended.isClosed())
	require.True(t, killed.isClosed())
	require.Empty(t, r.Cursors.Idle())
}

func TestCursorsEndWithTheirSession(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.Touch(id(1)))
	mine := session.Owner{Session: id(1), Txn: session.NoTxn}
	_, src := open(r, mine, nil)
	_, other := open(r, session.Owner{Session: id(2), Txn: session.NoTxn}, nil)
	one := id(1)
	r.Kill(session.Pattern{ID: &one})
	require.True(t, src.isClosed())
	require.False(t, other.isClosed())
	_, src = open(r, mine, nil)
	r.End([]session.ID{id(1)})
	require.True(t, src.isClosed())
	r.Kill(session.Pattern{})
	require.True(t, other.isClosed())
}
