package session

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Cause is why a transaction was aborted. The first one is kept.
type Cause struct {
	// Statement is the ordinal, from 1, of the statement that failed; 0 if the transaction was
	// aborted from outside.
	Statement int
	Command   string
	Err       *mongoerr.Error // nil for abortTransaction
}

// later is the error of a statement that comes after the abort.
func (c *Cause) later(number int64) *mongoerr.Error {
	e := mongoerr.New(mongoerr.NoSuchTransaction, "Transaction with { txnNumber: %d } has been aborted.", number)
	switch {
	case c == nil:
		return e
	case c.Err == nil:
		e.Message += " It was ended by abortTransaction."
		return e
	case c.Statement == 0:
		e.Message += " The cause was " + c.Err.Code.Name() + ": " + c.Err.Message
	default:
		e = mongoerr.New(e.Code, "%s Statement %d (%s) failed with %s (%d): %s",
			e.Message, c.Statement, c.Command, c.Err.Code.Name(), c.Err.Code, c.Err.Message)
	}
	return e.WithInfo(c.info())
}

// info is the cause as a document, for programs.
func (c *Cause) info() bsonx.Doc {
	b := bsonx.NewBuilder(nil).StartDoc("abortCause").
		Int32("code", int32(c.Err.Code)).
		String("codeName", c.Err.Code.Name()).
		String("errmsg", c.Err.Message)
	if c.Statement > 0 {
		b.Int32("statement", int32(c.Statement)).String("command", c.Command)
	}
	if c.Err.Info != nil {
		b.Doc("errInfo", c.Err.Info)
	}
	return b.Build()
}
