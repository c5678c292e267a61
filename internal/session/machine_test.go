package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Each row is one line of the documentation's table: what a statement of a kind is told when
// its number is the active one, or a lower or higher one.
func TestMachineDecides(t *testing.T) {
	const (
		ok       = mongoerr.Code(0)
		tooOld   = mongoerr.TransactionTooOld
		active   = mongoerr.ConflictingOperationInProgress
		missing  = mongoerr.NoSuchTransaction
		done     = mongoerr.TransactionCommitted
		mixed    = mongoerr.IncompleteTransactionHistory
		number   = int64(5)
		lowerNr  = number - 1
		higherNr = number + 1
	)
	kinds := []Kind{KindRetryable, KindStart, KindContinue, KindCommit, KindAbort}
	for _, row := range []struct {
		name   string
		state  State
		number int64
		want   [5]mongoerr.Code // in the order of kinds
	}{
		{"fresh session", StateNone, 0, [5]mongoerr.Code{ok, ok, missing, missing, missing}},
		{"retryable, lower", StateRetryable, lowerNr, [5]mongoerr.Code{tooOld, tooOld, tooOld, tooOld, tooOld}},
		{"retryable, same", StateRetryable, number, [5]mongoerr.Code{ok, active, missing, missing, missing}},
		{"retryable, higher", StateRetryable, higherNr, [5]mongoerr.Code{ok, ok, missing, missing, missing}},
		{"in progress, lower", StateInProgress, lowerNr, [5]mongoerr.Code{tooOld, tooOld, tooOld, tooOld, tooOld}},
		{"in progress, same", StateInProgress, number, [5]mongoerr.Code{mixed, active, ok, ok, ok}},
		{"in progress, higher", StateInProgress, higherNr, [5]mongoerr.Code{ok, ok, missing, missing, missing}},
		{"committed, lower", StateCommitted, lowerNr, [5]mongoerr.Code{tooOld, tooOld, tooOld, tooOld, tooOld}},
		{"committed, same", StateCommitted, number, [5]mongoerr.Code{mixed, active, done, ok, done}},
		{"committed, higher", StateCommitted, higherNr, [5]mongoerr.Code{ok, ok, missing, missing, missing}},
		{"aborted, lower", StateAborted, lowerNr, [5]mongoerr.Code{tooOld, tooOld, tooOld, tooOld, tooOld}},
		{"aborted, same", StateAborted, number, [5]mongoerr.Code{mixed, active, missing, missing, missing}},
		{"aborted, higher", StateAborted, higherNr, [5]mongoerr.Code{ok, ok, missing, missing, missing}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for i, kind := range kinds {
				m := machine{number: number, state: row.state}
				if row.state == StateNone {
					m.number = -1
				}
				e := m.refusal(m.decide(row.number, kind), ID{}, row.number, kind)
				if row.want[i] == ok {
					require.Nil(t, e, "kind %d", kind)
					continue
				}
				require.NotNil(t, e, "kind %d", kind)
				require.Equal(t, row.want[i], e.Code, "kind %d", kind)
				require.Nil(t, e.Labels)
			}
		})
	}
}

func TestAbortedTransactionRemembersWhy(t *testing.T) {
	m := machine{number: 7, state: StateAborted}
	refuse := func() *mongoerr.Error {
		return m.refusal(m.decide(7, KindContinue), ID{}, 7, KindContinue)
	}
	m.cause = &Cause{}
	require.Equal(t, "Transaction with { txnNumber: 7 } has been aborted. It was ended by abortTransaction.", refuse().Message)

	m.cause = &Cause{Statement: 3, Command: "insert", Err: mongoerr.New(mongoerr.DuplicateKey, "E11000 dup")}
	e := refuse()
	require.Equal(t, "Transaction with { txnNumber: 7 } has been aborted. Statement 3 (insert) failed with DuplicateKey (11000): E11000 dup", e.Message)
	require.EqualValues(t, 11000, e.Info.LookupPath("abortCause", "code").Int32())
	require.EqualValues(t, 3, e.Info.LookupPath("abortCause", "statement").Int32())

	m.cause = &Cause{Err: mongoerr.New(mongoerr.TransactionExceededLifetimeLimit, "too old")}
	require.Contains(t, refuse().Message, "The cause was TransactionExceededLifetimeLimitSeconds: too old")
}

func TestLabels(t *testing.T) {
	transientOnly, retryOnly := []string{"TransientTransactionError"}, []string{"RetryableWriteError"}
	for _, tc := range []struct {
		name string
		in   Outcome
		want []string
	}{
		{"not primary in a transaction", Outcome{Kind: KindContinue, Code: 10107}, transientOnly},
		{"not primary on commit", Outcome{Kind: KindCommit, Code: 10107}, retryOnly},
		{"conflict on commit", Outcome{Kind: KindCommit, Code: 112}, transientOnly},
		{"shutdown in a transaction", Outcome{Kind: KindStart, Code: 91}, transientOnly},
		{"shutdown on commit", Outcome{Kind: KindCommit, Code: 91}, retryOnly},
		{"lock timeout in a transaction", Outcome{Kind: KindContinue, Code: 24}, transientOnly},
		{"lock timeout outside", Outcome{Kind: KindNone, Code: 24}, nil},
		{"retriable outside", Outcome{Kind: KindNone, Code: 91}, nil},
		{"unknown transaction", Outcome{Kind: KindContinue, Code: 251}, transientOnly},
		{"commit of an unknown transaction", Outcome{Kind: KindCommit, Code: 251}, transientOnly},
		{"the same with a write concern error", Outcome{Kind: KindCommit, Code: 251, ConcernCode: 100}, nil},
		{"abort of an unknown transaction", Outcome{Kind: KindAbort, Code: 251}, transientOnly},
		{"duplicate key in a transaction", Outcome{Kind: KindContinue, Code: 11000}, nil},
		{"out of time in a transaction", Outcome{Kind: KindContinue, Code: 50}, nil},
		{"too old transaction", Outcome{Kind: KindContinue, Code: 290}, nil},
		{"number too old", Outcome{Kind: KindContinue, Code: 225}, nil},
		{"already committed", Outcome{Kind: KindContinue, Code: 256}, nil},
		{"number in use", Outcome{Kind: KindStart, Code: 117}, nil},
		{"converted", Outcome{Kind: KindRetryable, Code: 217}, nil},
		{"write concern error on commit", Outcome{Kind: KindCommit, ConcernCode: 91}, retryOnly},
		{"write concern timeout on commit", Outcome{Kind: KindCommit, ConcernCode: 64}, nil},
		{"retryable write", Outcome{Kind: KindRetryable, Code: 11600}, retryOnly},
		{"retryable write with a write concern error", Outcome{Kind: KindRetryable, ConcernCode: 189}, retryOnly},
		{
			"retryable write that wrote nothing",
			Outcome{Kind: KindRetryable, Code: 91, Idle: true},
			[]string{"RetryableWriteError", "NoWritesPerformed"},
		},
		{"write concern timeout on a retryable write", Outcome{Kind: KindRetryable, ConcernCode: 64}, nil},
		{"success", Outcome{Kind: KindContinue}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, Labels(tc.in)) })
	}
}
