package session

import (
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Kind is what a statement asks of its session.
type Kind uint8

// The kinds. KindNone is a statement without transaction number: it never checks out.
const (
	KindNone      Kind = iota
	KindRetryable      // txnNumber without autocommit
	KindStart          // startTransaction: true
	KindContinue       // autocommit: false
	KindCommit         // commitTransaction
	KindAbort          // abortTransaction
	kinds
)

// InTransaction reports whether the statement belongs to a multi-document transaction.
func (k Kind) InTransaction() bool { return k >= KindStart }

// State is where the active transaction number of a session stands.
type State uint8

// The states.
const (
	StateNone      State = iota // no number was ever used
	StateRetryable              // the number belongs to a retryable write
	StateInProgress
	StateCommitted
	StateAborted
	states
)

// relation is how a statement's number compares with the session's active one.
type relation uint8

const (
	lower relation = iota
	same
	higher
	relations
)

// outcome is what happens to a statement.
type outcome uint8

const (
	outTooOld    outcome = iota // 225
	outActive                   // 117: startTransaction at the active number
	outConverted                // 217: the number belongs to a transaction
	outMismatch                 // 251: the number is not the active one
	outAborted                  // 251, with the cause
	outCommitted                // 256
	outAdopt                    // a new retryable write; an open transaction is aborted
	outRetry                    // the retryable write again
	outBegin                    // a new transaction; an open one is aborted
	outJoin                     // one more statement of the transaction
	outCommit                   // end it
	outRecommit                 // confirm that it was committed
	outAbort                    // end it
)

// transitions is the state machine. A lower number is too old for everything and a higher one
// does not depend on the state, so only equal numbers have a full table.
var (
	transitions = [states][kinds]outcome{
		StateNone: {
			KindRetryable: outAdopt, KindStart: outBegin,
			KindContinue: outMismatch, KindCommit: outMismatch, KindAbort: outMismatch,
		},
		StateRetryable: {
			KindRetryable: outRetry, KindStart: outActive,
			KindContinue: outMismatch, KindCommit: outMismatch, KindAbort: outMismatch,
		},
		StateInProgress: {
			KindRetryable: outConverted, KindStart: outActive,
			KindContinue: outJoin, KindCommit: outCommit, KindAbort: outAbort,
		},
		StateCommitted: {
			KindRetryable: outConverted, KindStart: outActive,
			KindContinue: outCommitted, KindCommit: outRecommit, KindAbort: outCommitted,
		},
		StateAborted: {
			KindRetryable: outConverted, KindStart: outActive,
			KindContinue: outAborted, KindCommit: outAborted, KindAbort: outAborted,
		},
	}
	newer = [kinds]outcome{
		KindRetryable: outAdopt, KindStart: outBegin,
		KindContinue: outMismatch, KindCommit: outMismatch, KindAbort: outMismatch,
	}
)

// machine is the part of a session that decides: the active number, its state, and why it was
// aborted.
type machine struct {
	number int64 // -1 for none
	state  State
	cause  *Cause // set in StateAborted
}

func (m *machine) relation(number int64) relation {
	switch {
	case number < m.number:
		return lower
	case number > m.number:
		return higher
	}
	return same
}

// decide returns what happens to a statement of the kind with that number.
func (m *machine) decide(number int64, kind Kind) outcome {
	switch m.relation(number) {
	case lower:
		return outTooOld
	case higher:
		return newer[kind]
	}
	return transitions[m.state][kind]
}

// enter moves to a new number.
func (m *machine) enter(number int64, s State) {
	m.number, m.state, m.cause = number, s, nil
}

// refusal is the error of an outcome that refuses the statement, nil for the others.
func (m *machine) refusal(o outcome, id ID, number int64, kind Kind) *mongoerr.Error {
	switch o {
	case outTooOld:
		return m.tooOld(id, number, kind)
	case outActive:
		return mongoerr.New(mongoerr.ConflictingOperationInProgress,
			"Only servers in a sharded cluster can start a new transaction at the active transaction number")
	case outConverted:
		return mongoerr.New(mongoerr.IncompleteTransactionHistory,
			"Cannot retry a retryable write that has been converted into a transaction")
	case outMismatch:
		return mongoerr.New(mongoerr.NoSuchTransaction,
			"Given transaction number %d does not match any in-progress transactions. The active transaction number is %d", number, m.number)
	case outAborted:
		return m.cause.later(number)
	case outCommitted:
		return mongoerr.New(mongoerr.TransactionCommitted, "Transaction with { txnNumber: %d } has been committed.", number)
	}
	return nil
}

func (m *machine) tooOld(id ID, number int64, kind Kind) *mongoerr.Error {
	active := "transaction"
	if m.state == StateRetryable {
		active = "retryable write"
	}
	if kind == KindRetryable {
		return mongoerr.New(mongoerr.TransactionTooOld,
			"Retryable write with txnNumber %d is prohibited on session %s because a newer %s with txnNumber %d has already started on this session.",
			number, id, active, m.number)
	}
	return mongoerr.New(mongoerr.TransactionTooOld,
		"Cannot start transaction with { txnNumber: %d } on session %s because a newer %s with txnNumber %d has already started on this session.",
		number, id, active, m.number)
}
