package agg

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// Update is a pipeline that changes one document at a time. It keeps buffers between calls
// and is used by one goroutine.
type Update struct {
	steps []transformer
	c     *expr.Context
	bufs  [2][]byte
}

// ParseUpdate compiles a pipeline of an update, which has stages that make one document of
// one. scope holds the variables.
func ParseUpdate(pipeline bsonx.Doc, scope *expr.Scope) (*Update, error) {
	p, err := Parse(pipeline, &Options{Scope: scope, Update: true})
	if err != nil {
		return nil, err
	}
	u := &Update{}
	for _, n := range p.nodes {
		t, ok := n.stage.(transformer)
		if !ok {
			return nil, mongoerr.New(mongoerr.InvalidOptions, "%s is not allowed to be used within an update", n.name)
		}
		u.steps = append(u.steps, t)
	}
	u.c = p.Scope().NewContext()
	return u, nil
}

// Interrupt makes the expressions of the pipeline call check now and then. Its error ends Apply.
func (u *Update) Interrupt(check func() error) { u.c.Check = check }

// Apply appends what the pipeline makes of d.
func (u *Update) Apply(dst []byte, d bsonx.Doc) ([]byte, error) {
	var err error
	for i, s := range u.steps {
		buf := &u.bufs[i%2]
		if *buf, err = s.apply((*buf)[:0], d, u.c); err != nil {
			return dst, err
		}
		d = *buf
	}
	return append(dst, d...), nil
}
