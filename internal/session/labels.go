package session

import "github.com/tandemdb/tandem/internal/mongoerr"

// Outcome is what Labels needs to know about a reply.
type Outcome struct {
	Kind Kind
	Code mongoerr.Code // 0 for success

	// ConcernCode is the code of the reply's writeConcernError, 0 for none.
	ConcernCode mongoerr.Code

	// Idle says that the command ran and wrote nothing.
	Idle bool
}

// retriable are the codes after which the same command may be sent again.
var retriable = map[mongoerr.Code]bool{
	6: true, 7: true, 89: true, 91: true, 134: true, 189: true, 262: true, 358: true, 402: true,
	9001: true, 10107: true, 11600: true, 11602: true, 13435: true, 13436: true, 50915: true,
	317: true, 384: true, 406: true, 407: true, 412: true, 453: true, 462: true, 91331: true,
}

// transient are the codes after which the whole transaction may be run again.
var transient = map[mongoerr.Code]bool{
	24: true, 112: true, 150: true, 239: true, 246: true, 249: true, 250: true, 267: true,
	272: true, 343: true, 13388: true,
}

// Labels returns the error labels of a reply, nil for none.
func Labels(o Outcome) []string {
	switch o.Kind {
	case KindStart, KindContinue:
		if transient[o.Code] || retriable[o.Code] || o.Code == mongoerr.NoSuchTransaction {
			return []string{mongoerr.LabelTransient}
		}
	case KindCommit, KindAbort:
		if transient[o.Code] || o.Code == mongoerr.NoSuchTransaction && o.ConcernCode == 0 {
			return []string{mongoerr.LabelTransient}
		}
		if retriable[o.Code] || retriable[o.ConcernCode] {
			return []string{mongoerr.LabelRetryableWrite}
		}
	case KindRetryable:
		if !retriable[o.Code] && !retriable[o.ConcernCode] {
			return nil
		}
		if o.Idle && o.Code != 0 {
			return []string{mongoerr.LabelRetryableWrite, mongoerr.LabelNoWritesPerformed}
		}
		return []string{mongoerr.LabelRetryableWrite}
	}
	return nil
}

// IsTransient reports whether a statement of a transaction that fails with the code is
// answered with ok: 0 and the transient label, instead of a write error.
func IsTransient(code mongoerr.Code) bool {
	return transient[code] || retriable[code] || code == mongoerr.NoSuchTransaction
}

// IsInterruption reports whether the code says that the statement was stopped from outside.
func IsInterruption(code mongoerr.Code) bool {
	switch code {
	case mongoerr.MaxTimeMSExpired, mongoerr.Interrupted, mongoerr.InterruptedAtShutdown, mongoerr.CursorKilled,
		mongoerr.TransactionExceededLifetimeLimit, mongoerr.ClientDisconnect:
		return true
	}
	return false
}
