package wire

import (
	"errors"
	"fmt"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Codes of requests that are wrong inside a sound frame.
const (
	codeMultipleBodies    mongoerr.Code = 40430
	codeDuplicateSequence mongoerr.Code = 40431
	codeUnknownSection    mongoerr.Code = 40432
	codeSequenceInBody    mongoerr.Code = 40433
	codeNoBody            mongoerr.Code = 40587
	codeChecksumMismatch  mongoerr.Code = 288
)

// FrameError is a message that cannot be read. The stream cannot be followed
// past it, so the connection is closed without an answer.
type FrameError struct{ msg string }

// Error describes what is wrong with the frame.
func (e *FrameError) Error() string { return "wire: " + e.msg }

func frameErrorf(format string, args ...any) error {
	return &FrameError{msg: fmt.Sprintf(format, args...)}
}

// RequestError is a request that was framed well but cannot be run. It comes
// with a Message that has what an answer needs.
type RequestError struct {
	Err *mongoerr.Error

	// Fatal says that the connection is closed after the answer, since the peer
	// does not speak the protocol as the server does.
	Fatal bool
}

// Error is the error that the peer is told.
func (e *RequestError) Error() string { return "wire: " + e.Err.Error() }

// Unwrap returns the error that the peer is told.
func (e *RequestError) Unwrap() error { return e.Err }

func requestErrorf(code mongoerr.Code, format string, args ...any) error {
	return &RequestError{Err: mongoerr.New(code, format, args...)}
}

func fatalRequestErrorf(code mongoerr.Code, format string, args ...any) error {
	return &RequestError{Err: mongoerr.New(code, format, args...), Fatal: true}
}

// documentError is the answer to a document that failed validation.
func documentError(err error) error {
	if errors.Is(err, bsonx.ErrTooDeep) {
		return requestErrorf(mongoerr.Overflow, "BSONObj exceeds maximum nested object depth: %d", MaxDepth)
	}
	return &RequestError{Err: mongoerr.New(mongoerr.InvalidBSON, "%s", err.Error())}
}
