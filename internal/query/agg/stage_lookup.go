package agg

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// lookupStage is $lookup in all of its forms: by equal fields, by a pipeline, by both.
type lookupStage struct {
	parser *parser
	from   string // empty if the pipeline brings its own documents
	as     path

	local        path // nil without fields
	foreignField string

	let      []letVariable
	pipeline bsonx.Doc // nil without
	sub      *Pipeline // parsed, to be run as it is if there is no let

	unwind *unwindStage // a following $unwind of as, which spares the array
}

// letVariable is a variable of a sub-pipeline and what it is computed from.
type letVariable struct {
	name string
	expr expr.Expr
}

func parseLookup(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.FailedToParse, "the $lookup stage specification must be an object, but found %s", arg.Type)
	}
	s := &lookupStage{parser: p}
	args := lookupArgs{}
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := args.set(name, v); err != nil {
			return nil, err
		}
	}
	if err := args.check(); err != nil {
		return nil, err
	}
	return s, s.build(args)
}

// lookupArgs are the arguments as they were written.
type lookupArgs struct{ from, as, localField, foreignField, let, pipeline bsonx.Value }

func (a *lookupArgs) set(name string, v bsonx.Value) error {
	want := bsonx.TypeString
	var field *bsonx.Value
	switch name {
	case "from":
		field = &a.from
	case "as":
		field = &a.as
	case "localField":
		field = &a.localField
	case "foreignField":
		field = &a.foreignField
	case "let":
		field, want = &a.let, bsonx.TypeDocument
	case "pipeline":
		if v.Type != bsonx.TypeArray {
			return mongoerr.New(mongoerr.TypeMismatch, "'pipeline' option must be specified as an array")
		}
		field, want = &a.pipeline, bsonx.TypeArray
	default:
		return mongoerr.New(mongoerr.FailedToParse, "unknown argument to $lookup: %s", name)
	}
	if v.Type != want {
		return mongoerr.New(mongoerr.FailedToParse, "$lookup argument '%s: %s' must be %s, is type %s",
			name, bsonx.Format(v), map[bsonx.Type]string{bsonx.TypeString: "a string", bsonx.TypeDocument: "an object"}[want], v.Type)
	}
	*field = v
	return nil
}

func (a *lookupArgs) check() error {
	local, foreign := !a.localField.IsMissing(), !a.foreignField.IsMissing()
	pipeline := !a.pipeline.IsMissing()
	problem := ""
	switch {
	case a.as.IsMissing():
		problem = "must specify 'as' field for a $lookup"
	case a.from.IsMissing() && !pipeline:
		problem = "must specify 'pipeline' when 'from' is empty"
	case a.from.IsMissing() && !startsWithDocuments(a.pipeline.Doc()):
		problem = "$lookup stage without explicit collection must have a pipeline with $documents as first stage"
	case !pipeline && !(local && foreign):
		problem = "$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified"
	case pipeline && local != foreign:
		problem = "$lookup requires both or neither of 'localField' and 'foreignField' to be specified"
	case !pipeline && !a.let.IsMissing():
		problem = "$lookup with a 'let' argument must also specify 'pipeline'"
	case !a.from.IsMissing() && a.from.Str() == "":
		return mongoerr.New(mongoerr.InvalidNamespace, "invalid $lookup namespace: an empty collection name")
	default:
		return nil
	}
	return mongoerr.New(mongoerr.FailedToParse, "%s", problem)
}

func startsWithDocuments(pipeline bsonx.Doc) bool {
	_, v, ok := pipeline.First()
	return ok && !v.Doc().Lookup("$documents").IsMissing()
}

func (s *lookupStage) build(a lookupArgs) (err error) {
	s.from = a.from.Str()
	if s.from != "" {
		s.parser.use(s.from)
	}
	if s.as, err = parsePath(a.as.Str()); err != nil {
		return err
	}
	if !a.localField.IsMissing() {
		if s.local, err = parsePath(a.localField.Str()); err != nil {
			return err
		}
		s.foreignField = a.foreignField.Str()
		if _, err = parsePath(s.foreignField); err != nil {
			return err
		}
	}
	if a.pipeline.IsMissing() {
		return nil
	}
	scope := s.parser.scope
	for it := a.let.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := expr.CheckUserVariable(name); err != nil {
			return err
		}
		e, err := expr.Parse(v, s.parser.scope)
		if err != nil {
			return err
		}
		s.let = append(s.let, letVariable{name, e})
		scope, _ = scope.With(name)
	}
	s.pipeline = a.pipeline.Doc()
	s.sub, err = s.parser.sub(s.pipeline, placeLookup, scope, s.from)
	return err
}

func (s *lookupStage) deps(d *Deps) bool {
	if s.local != nil {
		d.add(s.local.String())
	}
	for _, v := range s.let {
		d.expr(v.expr)
	}
	return false
}

func (s *lookupStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	it := &lookupIterator{lookupStage: s, r: r, in: in}
	it.c = r.context(s.parser.scope)
	if s.local != nil {
		it.foreign = &foreign{db: r.opts.DB, coll: s.from, field: s.foreignField, scope: s.parser.scope}
	}
	if s.unwind != nil {
		return &lookupUnwindIterator{lookupIterator: it}, nil
	}
	return it, nil
}

type lookupIterator struct {
	*lookupStage
	r       *run
	in      Iterator
	c       *expr.Context
	foreign *foreign
	cached  *arrayState // the result of a pipeline that depends on nothing

	values arrayState
	found  []bsonx.Doc
	result arrayState
	out    []byte
	sticky
}

func (it *lookupIterator) Close() error {
	it.foreign, it.cached, it.done = nil, nil, true
	return it.in.Close()
}

func (it *lookupIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	d, ok, err := it.in.Next(ctx)
	if !ok || err != nil {
		return it.end(err)
	}
	result, err := it.lookup(ctx, d)
	if err != nil {
		return it.end(err)
	}
	it.out = it.as.appendSet(it.out[:0], d, result)
	return it.out, true, nil
}

// lookup returns the array for one document.
func (it *lookupIterator) lookup(ctx context.Context, d bsonx.Doc) (bsonx.Value, error) {
	if it.cached != nil {
		return it.cached.value(), nil
	}
	out, err := it.matches(ctx, d)
	if err != nil {
		return bsonx.Value{}, err
	}
	it.result.reset()
	v, err := it.collect(ctx, out)
	if err == nil && it.constant() {
		it.cached = &it.result
	}
	return v, err
}

// constant reports whether the result is the same for all documents.
func (it *lookupIterator) constant() bool {
	return it.foreign == nil && len(it.let) == 0 && !it.sub.random()
}

// matches opens the result for one document, which is valid until the next call.
func (it *lookupIterator) matches(ctx context.Context, d bsonx.Doc) (Iterator, error) {
	if it.foreign == nil {
		p, err := it.bind(d, it.pipeline)
		if err != nil {
			return nil, err
		}
		return openSub(ctx, it.r, it.from, p)
	}
	it.readLocal(d)
	if it.from == "" {
		p, err := it.bind(d, it.filtered())
		if err != nil {
			return nil, err
		}
		return p.Run(ctx, nil, it.r.src)
	}
	var err error
	if it.found, err = it.foreign.find(ctx, it.r, &it.values, it.found[:0]); err != nil {
		return nil, err
	}
	if it.pipeline == nil {
		return Docs(it.found), nil
	}
	p, err := it.bind(d, it.pipeline)
	if err != nil {
		return nil, err
	}
	return p.Run(ctx, Docs(it.found), it.r.src)
}

// readLocal takes the local values of a document. Without any, it looks for null.
func (it *lookupIterator) readLocal(d bsonx.Doc) {
	it.values.reset()
	it.local.visit(d, func(v bsonx.Value) { it.values.push(v) })
	if it.values.n == 0 {
		it.values.push(bsonx.Null)
	}
}

// filtered returns the pipeline with a $match of the local values behind the $documents that it
// begins with.
func (it *lookupIterator) filtered() bsonx.Doc {
	var stages arrayState
	each(it.pipeline, func(v bsonx.Value) {
		stages.push(v)
		if stages.n == 1 {
			stages.push(bsonx.Document(bsonx.NewBuilder(nil).Doc("$match", it.foreign.filter(&it.values)).Build()))
		}
	})
	return stages.value().Doc()
}

// openSub runs a sub-pipeline over a collection, or on its own if it has a source.
func openSub(ctx context.Context, r *run, coll string, p *Pipeline) (Iterator, error) {
	if p.HasSource() {
		return p.Run(ctx, nil, r.src)
	}
	return r.src.Pipeline(ctx, r.opts.DB, coll, p)
}

// bind parses the pipeline with the variables as constants, so that the planner sees them.
func (it *lookupIterator) bind(d bsonx.Doc, pipeline bsonx.Doc) (*Pipeline, error) {
	if len(it.let) == 0 && it.from != "" {
		return it.sub, nil
	}
	it.c.Reset(d)
	scope := it.parser.scope
	for _, v := range it.let {
		val, err := v.expr.Eval(it.c)
		if err != nil {
			return nil, err
		}
		scope = scope.WithConst(v.name, val)
	}
	return it.parser.sub(pipeline, placeLookup, scope, it.from)
}

// collect drains a pipeline into the result.
func (it *lookupIterator) collect(ctx context.Context, out Iterator) (v bsonx.Value, err error) {
	defer func() {
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	for {
		d, ok, err := out.Next(ctx)
		if err != nil || !ok {
			return it.result.value(), err
		}
		if err := it.take(&it.result, d); err != nil {
			return v, err
		}
	}
}

// maxDocument is the size that a document may have between stages, in bytes.
const maxDocument = 16<<20 + 16<<10

func (it *lookupIterator) take(result *arrayState, d bsonx.Doc) error {
	result.push(bsonx.Document(d))
	if len(result.buf) > maxDocument {
		return mongoerr.New(4568, "Total size of documents in %s matching pipeline's $lookup stage exceeds %d bytes", it.from, maxDocument)
	}
	return nil
}
