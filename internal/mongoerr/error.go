// Package mongoerr is the error that reaches a client: MongoDB's code and code name, a
// message, labels and optional facts.
//
// An Error is made where its meaning is known and travels unchanged to the reply.
// Errors of other kinds that reach the edge are bugs and answered as InternalError.
package mongoerr

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Labels that drivers act on.
const (
	LabelTransient           = "TransientTransactionError"
	LabelUnknownCommitResult = "UnknownTransactionCommitResult"
	LabelRetryableWrite      = "RetryableWriteError"
	LabelNoWritesPerformed   = "NoWritesPerformed"
	LabelResumableChange     = "ResumableChangeStreamError"
)

// Error is one server error. Treat it as immutable once it is shared; the With methods
// return changed copies.
type Error struct {
	Code    Code
	Message string
	Labels  []string

	// Info is the errInfo document of the reply, nil for none.
	Info bsonx.Doc

	// Fields are further elements of the reply or write error, such as keyPattern and
	// keyValue of a duplicate key; nil for none.
	Fields bsonx.Doc

	cause error
}

// New makes an error with a code and a formatted message. A %w verb in format records
// the cause.
func New(code Code, format string, args ...any) *Error {
	if len(args) == 0 {
		return &Error{Code: code, Message: format}
	}
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), cause: errors.Unwrap(err)}
}

// Error returns the message with the code name in front.
func (e *Error) Error() string { return fmt.Sprintf("(%s) %s", e.Code.Name(), e.Message) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// WithLabel returns a copy that carries label, too.
func (e *Error) WithLabel(label string) *Error {
	c := *e
	if !slices.Contains(c.Labels, label) {
		c.Labels = append(slices.Clone(c.Labels), label)
	}
	return &c
}

// HasLabel reports whether the error carries label.
func (e *Error) HasLabel(label string) bool { return slices.Contains(e.Labels, label) }

// WithInfo returns a copy with errInfo.
func (e *Error) WithInfo(info bsonx.Doc) *Error {
	c := *e
	c.Info = info
	return &c
}

// WithFields returns a copy with further reply fields.
func (e *Error) WithFields(fields bsonx.Doc) *Error {
	c := *e
	c.Fields = fields
	return &c
}

// WithCause returns a copy that unwraps to cause.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Prefixed returns a copy whose message is "prefix :: caused by :: message".
func (e *Error) Prefixed(prefix string) *Error {
	c := *e
	c.Message = prefix + " :: caused by :: " + e.Message
	return &c
}

// From returns err as an *Error: the first one in its chain, or an InternalError.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: InternalError, Message: err.Error(), cause: err}
}

// Is reports whether err's chain holds an *Error with the code.
func Is(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
