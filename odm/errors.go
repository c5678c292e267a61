package odm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Sentinels, for errors.Is.
var (
	// ErrDetached is returned by documents that no model has adopted yet.
	ErrDetached = errors.New("odm: the document belongs to no model: use New, Create or Attach")
	// ErrCopied is returned by documents that were copied by value.
	ErrCopied = errors.New("odm: the document is a copy by value: keep pointers to documents, or use Clone")
	// ErrParallelSave is returned when a document is saved while it is being saved.
	ErrParallelSave = errors.New("odm: can't save the same document several times in parallel")
	// ErrNotFound matches every NotFoundError.
	ErrNotFound = errors.New("odm: no document found")
	// ErrNotConnected is returned by calls before Connect.
	ErrNotConnected = errors.New("odm: the connection is not connected: call Connect first")
	// ErrClosed is returned by calls after Disconnect.
	ErrClosed = errors.New("odm: the connection is closed")
	// ErrConnected is returned by Connect and Open when the connection is open.
	ErrConnected = errors.New("odm: the connection is open: Disconnect it first")
	// ErrNilContext is returned by calls with a nil context.
	ErrNilContext = errors.New("odm: the context is nil")
	// ErrNoSession is returned under RequireSession by calls outside an open transaction.
	ErrNoSession = errors.New("odm: a transaction is open here, but this call's context does not carry its session")
	// ErrWrongConnection is returned when the context's session belongs to another client.
	ErrWrongConnection = errors.New("odm: the session belongs to another connection")
	// ErrTxnInProgress is returned by a second transaction on a session.
	ErrTxnInProgress = errors.New("odm: Transaction already in progress")
	// ErrTxnOver is returned by calls with the context of a transaction that has ended.
	ErrTxnOver = errors.New("odm: the transaction of this context is over")
	// ErrNoTxn is returned by commits and aborts without a transaction.
	ErrNoTxn = errors.New("odm: No transaction started")
	// ErrSessionEnded is returned when a session is used after its end.
	ErrSessionEnded = errors.New("odm: the session has ended")
	// ErrHeldByOuter is returned when an independent transaction changes a document that the
	// one around it has changed: the two could only conflict.
	ErrHeldByOuter = errors.New("odm: the document was changed in the outer transaction")
	// ErrUncertain is returned by documents of a commit whose outcome is unknown.
	ErrUncertain = errors.New("odm: the commit's outcome is unknown: Reload the document first")
	// ErrStop, returned by a pre hook, stops the operation without an error.
	ErrStop = errors.New("odm: stopped by a hook")
	// ErrIDChanged is returned when the _id of a saved document was changed.
	ErrIDChanged = errors.New("odm: the _id of a saved document cannot change")
	// ErrNoID is returned when a document has no _id and the model cannot make one.
	ErrNoID = errors.New("odm: document must have an _id before saving")
)

// NotFoundError says that no document matched.
type NotFoundError struct {
	Model  string
	Filter bson.Raw
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("No document found for query %q on model %q", e.Filter.String(), e.Model)
}

// Is makes it match ErrNotFound and mongo.ErrNoDocuments.
func (e *NotFoundError) Is(target error) bool {
	return target == ErrNotFound || target == mongo.ErrNoDocuments
}

// VersionError says that the document changed in the database since it was loaded, or is gone.
type VersionError struct {
	Model   string
	ID      any
	Version int64
	Paths   []string
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("No matching document found for id %q version %d modifiedPaths %q",
		idText(e.ID), e.Version, strings.Join(e.Paths, ", "))
}

// DivergentArrayError says that an array of which only a part was loaded would be replaced.
type DivergentArrayError struct {
	Model string
	Paths []string
}

func (e *DivergentArrayError) Error() string {
	return fmt.Sprintf("odm: %s: replacing %s would lose the elements that were not loaded", e.Model, strings.Join(e.Paths, ", "))
}

// FieldError is one failed rule.
type FieldError struct {
	Path    string
	Kind    string // as in Mongoose: required, min, enum, regexp, "user defined", ...
	Value   any
	Message string
	Reason  error // what the validator returned
}

func (e *FieldError) Error() string { return e.Message }

// Unwrap returns the validator's own error.
func (e *FieldError) Unwrap() error { return e.Reason }

// ValidationError holds every failed rule of a document, in the order of its paths.
type ValidationError struct {
	Model  string
	Fields []*FieldError
}

func (e *ValidationError) Error() string {
	var sb strings.Builder
	sb.WriteString(e.Model)
	sb.WriteString(" validation failed")
	for i, f := range e.Fields {
		if i == 0 {
			sb.WriteString(": ")
		} else {
			sb.WriteString(", ")
		}
		fmt.Fprintf(&sb, "%s: %s", f.Path, f.Message)
	}
	return sb.String()
}

// Unwrap returns the errors of the fields.
func (e *ValidationError) Unwrap() []error {
	errs := make([]error, len(e.Fields))
	for i, f := range e.Fields {
		errs[i] = f
	}
	return errs
}

// Field returns the first error of a path, or nil.
func (e *ValidationError) Field(path string) *FieldError {
	for _, f := range e.Fields {
		if f.Path == path {
			return f
		}
	}
	return nil
}

// CastError says that a value does not fit a path's type.
type CastError struct {
	Model  string
	Path   string
	Kind   string
	Value  any
	Reason error
}

func (e *CastError) Error() string {
	s := fmt.Sprintf("Cast to %s failed for value %q (type %T) at path %q for model %q", e.Kind, fmt.Sprint(e.Value), e.Value, e.Path, e.Model)
	if e.Reason != nil {
		s += " because of " + e.Reason.Error()
	}
	return s
}

// Unwrap returns the reason.
func (e *CastError) Unwrap() error { return e.Reason }

// StrictError says that a path is not in the schema, or may not be changed.
type StrictError struct {
	Model string
	Path  string
	Where string // "filter", "update", "sort", "populate", "document"
	What  string
}

func (e *StrictError) Error() string {
	what := e.What
	if what == "" {
		what = "is not in the schema"
	}
	return fmt.Sprintf("odm: %s: path %q of the %s %s", e.Model, e.Path, e.Where, what)
}

// DuplicateKeyError says that a unique index has the key already.
type DuplicateKeyError struct {
	Model string
	Index string
	Keys  bson.Raw
	cause error
}

func (e *DuplicateKeyError) Error() string { return fmt.Sprintf("odm: %s: %v", e.Model, e.cause) }

// Unwrap returns the driver's error.
func (e *DuplicateKeyError) Unwrap() error { return e.cause }

// SchemaError lists everything that is wrong with a schema.
type SchemaError struct {
	Model    string
	Problems []string
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("odm: model %q: %s", e.Model, strings.Join(e.Problems, "; "))
}

// ModelExistsError says that a connection has a model of the name.
type ModelExistsError struct{ Model string }

func (e *ModelExistsError) Error() string {
	return fmt.Sprintf("Cannot overwrite `%s` model once compiled.", e.Model)
}

// RetryUnsafeError says that a transaction's callback was run again over a document from
// outside that it had changed already, so that its change would be applied twice.
type RetryUnsafeError struct {
	Model string
	ID    any
	Paths []string
}

func (e *RetryUnsafeError) Error() string {
	return fmt.Sprintf("odm: %s %s: the transaction was retried, and its callback would change %s twice: load the document inside the callback or enlist it",
		e.Model, idText(e.ID), strings.Join(e.Paths, ", "))
}

// CommitUnknownError says that nobody knows whether the transaction was committed.
type CommitUnknownError struct{ cause error }

func (e *CommitUnknownError) Error() string {
	return "odm: the outcome of the commit is unknown: " + e.cause.Error()
}

// Unwrap returns the driver's error.
func (e *CommitUnknownError) Unwrap() error { return e.cause }

// ConflictError says that another transaction wrote what this one wanted to. MongoDB says no
// more than that; Tandem says what it was, and what it knows of the other transaction.
type ConflictError struct {
	Model     string
	Op        string
	Namespace string
	Index     string        // if the conflict is about a key of a unique index
	Key       bson.Raw      // in the index
	ID        bson.RawValue // of the document
	Other     bson.Raw      // the other transaction: its state, age, session, ...
	cause     error
}

func (e *ConflictError) Error() string { return fmt.Sprintf("odm: %s.%s: %v", e.Model, e.Op, e.cause) }

// Unwrap returns the driver's error, with its labels.
func (e *ConflictError) Unwrap() error { return e.cause }

// UnsupportedError says that the server does not have what an operation needs, such as change
// streams. It is not a matter of its arguments, and trying again does not help.
type UnsupportedError struct {
	Model string
	Op    string
	cause error
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("odm: %s.%s: the server does not support it: %v", e.Model, e.Op, e.cause)
}

// Unwrap returns the driver's error.
func (e *UnsupportedError) Unwrap() error { return e.cause }

// MisuseError says which model, and which path if it is about one, was used in a way that
// cannot work. It wraps one of the sentinels.
type MisuseError struct {
	Model string
	Path  string
	cause error
}

func (e *MisuseError) Error() string {
	where := e.Model
	if e.Path != "" {
		where += "." + e.Path
	}
	return fmt.Sprintf("odm: %s: %s", where, strings.TrimPrefix(e.cause.Error(), "odm: "))
}

// Unwrap returns the sentinel.
func (e *MisuseError) Unwrap() error { return e.cause }

func (m *Model[T]) misuse(err error) error {
	if err == nil {
		return nil
	}
	return &MisuseError{Model: m.name, cause: err}
}

func (st *state[T]) misuse(path string, err error) error {
	return &MisuseError{Model: st.model.name, Path: path, cause: err}
}

// OpError is the error of an operation that the server or the driver refused.
type OpError struct {
	Model string
	Op    string
	cause error
}

func (e *OpError) Error() string { return fmt.Sprintf("odm: %s.%s: %v", e.Model, e.Op, e.cause) }

// Unwrap returns the driver's error.
func (e *OpError) Unwrap() error { return e.cause }

func idText(id any) string {
	switch id := id.(type) {
	case bson.ObjectID:
		return id.Hex()
	case bson.RawValue:
		if oid, ok := id.ObjectIDOK(); ok {
			return oid.Hex()
		}
		return id.String()
	}
	return fmt.Sprint(id)
}

// wrapDriver gives the driver's error the name of the model and the operation.
func wrapDriver(model, op string, err error) error {
	if err == nil {
		return nil
	}
	if raw, ok := duplicate(err); ok {
		e := &DuplicateKeyError{Model: model, cause: err}
		if kv, err := raw.LookupErr("keyValue"); err == nil {
			e.Keys, _ = kv.DocumentOK()
		}
		_, rest, _ := strings.Cut(err.Error(), " index: ")
		e.Index, _, _ = strings.Cut(rest, " ")
		return e
	}
	if e, ok := conflict(err); ok {
		e.Model, e.Op, e.cause = model, op, err
		return e
	}
	if se, ok := errors.AsType[mongo.ServerError](err); ok && slices.ContainsFunc(unsupportedCodes, se.HasErrorCode) {
		return &UnsupportedError{Model: model, Op: op, cause: err}
	}
	return &OpError{Model: model, Op: op, cause: err}
}

const (
	codeDuplicateKey  = 11000
	codeWriteConflict = 112
)

// unsupportedCodes are what servers answer to what they do not have: CommandNotSupported,
// NotImplemented, unknown commands and stages, and change streams without a replica set.
var unsupportedCodes = []int{115, 238, 59, 40324, 40573}

// conflict returns what the server said of a write conflict.
func conflict(err error) (*ConflictError, bool) {
	ce, ok := errors.AsType[mongo.CommandError](err)
	if !ok || ce.Code != codeWriteConflict {
		return nil, false
	}
	e := &ConflictError{}
	info, _ := lookup(ce.Raw, "errInfo").DocumentOK()
	e.Namespace, _ = lookup(info, "ns").StringValueOK()
	e.Index, _ = lookup(info, "index").StringValueOK()
	e.Key, _ = lookup(info, "key").DocumentOK()
	e.ID = lookup(info, "_id")
	e.Other, _ = lookup(info, "other").DocumentOK()
	return e, true
}

// duplicate returns what the server said of a duplicate key.
func duplicate(err error) (bson.Raw, bool) {
	if we, ok := errors.AsType[mongo.WriteException](err); ok {
		for _, e := range we.WriteErrors {
			if e.Code == codeDuplicateKey {
				return e.Raw, true
			}
		}
	}
	if bwe, ok := errors.AsType[mongo.BulkWriteException](err); ok {
		for _, e := range bwe.WriteErrors {
			if e.Code == codeDuplicateKey {
				return e.Raw, true
			}
		}
	}
	var ce mongo.CommandError
	if errors.As(err, &ce) && ce.Code == codeDuplicateKey {
		return ce.Raw, true
	}
	return nil, false
}

// hasLabel looks for an error label on the whole chain.
func hasLabel(err error, label string) bool {
	var le mongo.LabeledError
	return errors.As(err, &le) && le.HasErrorLabel(label)
}

// decodePath returns the path that the driver failed to decode.
func decodePath(err error) string {
	if de, ok := errors.AsType[*bson.DecodeError](err); ok {
		return strings.Join(de.Keys(), ".")
	}
	return ""
}

// malformed gives an error of reading bytes the name of the model; those of casting have it.
func malformed(model, what string, err error) error {
	var cast *CastError
	var strict *StrictError
	if errors.As(err, &cast) || errors.As(err, &strict) {
		return err
	}
	return &OpError{Model: model, Op: what, cause: err}
}
