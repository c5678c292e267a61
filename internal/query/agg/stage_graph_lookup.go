package agg

import (
	"context"
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/match"
)

// graphLookupStage is $graphLookup: a breadth-first search through a collection.
type graphLookupStage struct {
	scope       *expr.Scope
	from        string
	as          path
	startWith   expr.Expr
	connectFrom path   // connectFromField
	to          string // connectToField
	maxDepth    int64
	depthField  path
	restrict    bsonx.Doc
}

func parseGraphLookup(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.FailedToParse, "the $graphLookup stage specification must be an object, but found %s", arg.Type)
	}
	switch from := arg.Doc().Lookup("from"); {
	case from.IsMissing():
		return nil, mongoerr.New(mongoerr.FailedToParse, "missing 'from' option to $graphLookup stage specification: %s", bsonx.Format(arg))
	case from.Type == bsonx.TypeString && from.Str() == "":
		return nil, mongoerr.New(mongoerr.InvalidNamespace, "invalid $graphLookup namespace: %s.", p.opts.DB)
	}
	s := &graphLookupStage{scope: p.scope, maxDepth: math.MaxInt64}
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := s.parseOption(name, v); err != nil {
			return nil, err
		}
	}
	if s.as == nil || s.startWith == nil || s.connectFrom == nil || s.to == "" {
		return nil, mongoerr.New(40105, "$graphLookup requires 'from', 'as', 'startWith', 'connectFromField', and 'connectToField' to be specified.")
	}
	p.use(s.from)
	return s, nil
}

func (s *graphLookupStage) parseOption(name string, v bsonx.Value) (err error) {
	switch name {
	case "startWith":
		s.startWith, err = expr.Parse(v, s.scope)
		return err
	case "maxDepth":
		return s.parseMaxDepth(v)
	case "restrictSearchWithMatch":
		if v.Type != bsonx.TypeDocument {
			return mongoerr.New(40185, "restrictSearchWithMatch must be an object, found %s", v.Type)
		}
		s.restrict = v.Doc()
		_, err = match.CompileFor(match.Pipeline, s.restrict, s.scope)
		return err
	case "from", "as", "connectFromField", "connectToField", "depthField":
	default:
		return mongoerr.New(40104, "Unknown argument to $graphLookup: %s", name)
	}
	if v.Type != bsonx.TypeString {
		code := mongoerr.Code(40103)
		if name == "from" {
			code = mongoerr.FailedToParse
		}
		return mongoerr.New(code, "expected string as argument for %s, found: %s", name, bsonx.Format(v))
	}
	return s.setField(name, v.Str())
}

func (s *graphLookupStage) setField(name, field string) error {
	if name == "from" {
		s.from = field
		return nil
	}
	p, err := parsePath(field)
	switch name {
	case "as":
		s.as = p
	case "connectFromField":
		s.connectFrom = p
	case "connectToField":
		s.to = field
	case "depthField":
		s.depthField = p
	}
	return err
}

func (s *graphLookupStage) parseMaxDepth(v bsonx.Value) error {
	n, ok := expr.Integer(v)
	switch {
	case !v.IsNumber():
		return mongoerr.New(40100, "maxDepth requires numeric argument, found type: %s", v.Type)
	case !ok:
		return mongoerr.New(40102, "maxDepth could not be represented as a long long: %s", bsonx.Format(v))
	case n < 0:
		return mongoerr.New(40101, "maxDepth requires a nonnegative argument, found: %s", bsonx.Format(v))
	}
	s.maxDepth = n
	return nil
}

func (s *graphLookupStage) deps(d *Deps) bool {
	d.expr(s.startWith)
	return false
}

func (s *graphLookupStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	f := &foreign{db: r.opts.DB, coll: s.from, field: s.to, restrict: s.restrict, scope: s.scope}
	return &graphIterator{graphLookupStage: s, r: r, in: in, c: r.context(s.scope), foreign: f}, nil
}

type graphIterator struct {
	*graphLookupStage
	r       *run
	in      Iterator
	c       *expr.Context
	foreign *foreign

	seen     map[string]struct{} // of values searched for, and of documents by _id
	frontier [2]arrayState       // the values to search for now and next
	found    []bsonx.Doc
	result   arrayState
	key, buf []byte
	out      []byte
	sticky
}

func (it *graphIterator) Close() error {
	it.done, it.foreign, it.seen = true, nil, nil
	return it.in.Close()
}

func (it *graphIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	d, ok, err := it.in.Next(ctx)
	if !ok || err != nil {
		return it.end(err)
	}
	if err := it.search(ctx, d); err != nil {
		return it.end(err)
	}
	it.out = it.as.appendSet(it.out[:0], d, it.result.value())
	return it.out, true, nil
}

// search fills the result for one document.
func (it *graphIterator) search(ctx context.Context, d bsonx.Doc) error {
	it.seen = make(map[string]struct{})
	it.result.reset()
	now, next := &it.frontier[0], &it.frontier[1]
	now.reset()
	it.c.Reset(d)
	start, err := it.startWith.Eval(it.c)
	if err != nil {
		return err
	}
	if start.Type == bsonx.TypeArray {
		each(start.Doc(), func(v bsonx.Value) { it.want(now, v) })
	} else if !start.IsMissing() {
		it.want(now, start)
	}
	for depth := int64(0); now.n > 0 && depth <= it.maxDepth; depth++ {
		if it.found, err = it.foreign.find(ctx, it.r, now, it.found[:0]); err != nil {
			return err
		}
		next.reset()
		for _, f := range it.found {
			if err := it.visit(f, depth, next); err != nil {
				return err
			}
		}
		now, next = next, now
	}
	return nil
}

// want adds a value to a frontier, unless it was searched for before.
func (it *graphIterator) want(frontier *arrayState, v bsonx.Value) {
	it.key = keyenc.AppendCollated(append(it.key[:0], 'v'), v, false, it.scope.Collation())
	if it.mark() {
		frontier.push(v)
	}
}

// mark remembers the key and reports whether it is new.
func (it *graphIterator) mark() bool {
	if _, ok := it.seen[string(it.key)]; ok {
		return false
	}
	it.seen[string(it.key)] = struct{}{}
	return true
}

// visit takes a found document into the result and its links into the next frontier.
func (it *graphIterator) visit(d bsonx.Doc, depth int64, next *arrayState) error {
	id := d.Lookup("_id")
	if id.IsMissing() {
		return mongoerr.New(40271, "Documents in the '%s' namespace must contain an _id for de-duplication in $graphLookup", it.from)
	}
	it.key = keyenc.Append(append(it.key[:0], 'd'), id)
	if !it.mark() {
		return nil
	}
	it.connectFrom.visit(d, func(v bsonx.Value) { it.want(next, v) })
	if it.depthField != nil {
		it.buf = it.depthField.appendSet(it.buf[:0], d, bsonx.Int64(depth))
		d = it.buf
	}
	it.result.push(bsonx.Document(d))
	if int64(len(it.result.buf)) > it.r.opts.MemoryMax {
		return mongoerr.New(40099, "$graphLookup reached maximum memory consumption")
	}
	return nil
}
