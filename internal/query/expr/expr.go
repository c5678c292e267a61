// Package expr parses aggregation expressions and evaluates them on raw BSON.
//
// An expression is parsed once, within a [Scope] that knows the variables, into a tree of
// typed nodes and then evaluated for many documents with a [Context]. The operators are
// tables, one per family; see [Operators].
package expr

import (
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Expr is one node of a parsed expression. It is immutable and safe for concurrent use;
// what changes between evaluations is in the Context.
type Expr interface {
	// Eval returns the node's value. It may alias the root document, constants or
	// the context's arena, so it is valid until the context's next Reset.
	Eval(c *Context) (bsonx.Value, error)

	// Args returns the nodes below this one.
	Args() []Expr
}

// Context is the state of one evaluation at a time: the document, the variables, and an
// arena for values that are made on the way. It is made by Scope.NewContext, reused from
// document to document by Reset, and used by one goroutine.
type Context struct {
	Root bsonx.Value // $$ROOT

	// Check is called now and then by operators that go over arrays; its error ends the
	// evaluation. Nil means that nothing can interrupt it.
	Check func() error

	coll    *collation.Collation // nil for the binary one
	vars    []bsonx.Value
	arena   []byte
	scratch [][]byte
	stack   []bsonx.Value // operands of calls under way
	ticks   int           // since the last Check
}

// checkEvery is the number of array elements between two calls of Check.
const checkEvery = 256

// tick counts one element.
func (c *Context) tick() error {
	if c.ticks++; c.ticks < checkEvery || c.Check == nil {
		return nil
	}
	c.ticks = 0
	return c.Check()
}

// Reset prepares the context for the next document. Values evaluated before become invalid.
func (c *Context) Reset(root bsonx.Doc) {
	c.Root = bsonx.Document(root)
	if cap(c.arena) > arenaMax {
		c.arena = nil
	}
	c.arena = c.arena[:0]
}

// keepMax is the size, in bytes, up to which values are copied to the arena.
const keepMax = 64 << 10

// arenaMax is the size, in bytes, above which an arena is dropped at Reset.
const arenaMax = 1 << 20

// Var returns the value of a variable's slot.
func (c *Context) Var(slot int) bsonx.Value { return c.vars[slot] }

// SetVar sets the value of a variable's slot, as Scope.With gave it out. The value must
// stay valid while it is used.
func (c *Context) SetVar(slot int, v bsonx.Value) { c.vars[slot] = v }

// Scratch returns an empty buffer to build a value in. Evaluating other nodes meanwhile is
// fine. It goes back by Keep or Drop, last one first.
func (c *Context) Scratch() []byte {
	n := len(c.scratch)
	if n == 0 {
		return make([]byte, 0, 256)
	}
	b := c.scratch[n-1]
	c.scratch = c.scratch[:n-1]
	return b[:0]
}

// Keep copies a scratch buffer's bytes into the arena, gives the buffer back and returns
// the copy. A large buffer becomes the value itself, so that large values that are no
// longer needed do not pile up in the arena.
func (c *Context) Keep(b []byte) []byte {
	if len(b) > keepMax {
		return slices.Clip(b)
	}
	start := len(c.arena)
	c.arena = append(c.arena, b...)
	c.Drop(b)
	return c.arena[start:len(c.arena):len(c.arena)]
}

// Drop gives a scratch buffer back.
func (c *Context) Drop(b []byte) {
	if cap(b) <= arenaMax {
		c.scratch = append(c.scratch, b)
	}
}

// ValueMax is the size, in bytes, up to which a value may grow during evaluation. It is
// above that of a document, since a later operator may make it smaller.
const ValueMax = 64 << 20

// checkSize returns an error for a buffer above ValueMax.
func checkSize(b []byte) error {
	if len(b) > ValueMax {
		return mongoerr.New(13548, "BufBuilder attempted to grow() to %d bytes, past the 64MB limit.", len(b))
	}
	return nil
}

// KeepString makes a string value of a scratch buffer.
func (c *Context) KeepString(b []byte) bsonx.Value { return bsonx.StringBytes(c.Keep(b)) }

// KeepArray completes the array that was begun with bsonx.AppendDocStart at the buffer's
// start and returns it.
func (c *Context) KeepArray(b []byte) bsonx.Value {
	return bsonx.Array(c.Keep(bsonx.AppendDocEnd(b, 0)))
}

// KeepDoc is KeepArray for a document.
func (c *Context) KeepDoc(b []byte) bsonx.Value {
	return bsonx.Document(c.Keep(bsonx.AppendDocEnd(b, 0)))
}

// Const is an expression whose value is known. It shares no bytes with the request.
type Const struct{ Value bsonx.Value }

// Eval returns the value.
func (e *Const) Eval(*Context) (bsonx.Value, error) { return e.Value, nil }

// Args returns nil.
func (e *Const) Args() []Expr { return nil }

// IsConst reports whether e's value is known.
func IsConst(e Expr) bool { _, ok := e.(*Const); return ok }

// Walk calls fn for e and all nodes below it.
func Walk(e Expr, fn func(Expr)) {
	fn(e)
	for _, a := range e.Args() {
		Walk(a, fn)
	}
}
