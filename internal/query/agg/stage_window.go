package agg

import (
	"bytes"
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

// windowStage is $setWindowFields: it sorts the documents by partition and order, then
// computes fields of each document from those around it. The documents of a partition may be on
// disk, but what the functions read of them is in memory.
type windowStage struct {
	scope     *expr.Scope
	partition expr.Expr // nil: all documents are one
	order     *sortkey.Pattern
	outputs   []windowOutput
}

// windowOutput is one computed field.
type windowOutput struct {
	path path
	fn   windowFunction
}

func parseSetWindowFields(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.FailedToParse, "the $setWindowFields stage specification must be an object, found %s", arg.Type)
	}
	s := &windowStage{scope: p.scope}
	var output bsonx.Value
	var badPartition error // which matters less than what is wrong with the outputs
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		switch name {
		case "output":
			output = v
		case "sortBy":
			if err := s.parseOrder(v); err != nil {
				return nil, err
			}
		case "partitionBy":
			e, err := expr.Parse(v, p.scope)
			if err != nil {
				return nil, err
			}
			if c, ok := e.(*expr.Const); ok {
				badPartition = checkPartition(c.Value)
			} else {
				s.partition = e
			}
		default:
			return nil, unknownOption(40415, "$setWindowFields", name)
		}
	}
	switch output.Type {
	case bsonx.TypeDocument:
		if err := s.parseOutputs(output.Doc()); err != nil {
			return nil, err
		}
		return s, badPartition
	case bsonx.Missing:
		return nil, mongoerr.New(40414, "BSON field '$setWindowFields.output' is missing but a required field")
	}
	return nil, wrongOptionType("$setWindowFields.output", output, "object")
}

func wrongOptionType(field string, v bsonx.Value, want string) error {
	return mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s' is the wrong type '%s', expected type '%s'", field, v.Type, want)
}

func (s *windowStage) parseOrder(v bsonx.Value) (err error) {
	if v.Type != bsonx.TypeDocument {
		return wrongOptionType("$setWindowFields.sortBy", v, "object")
	}
	if !v.Doc().IsEmpty() {
		s.order, err = sortkey.Compile(v.Doc(), s.scope.Collation())
	}
	return err
}

func checkPartition(v bsonx.Value) error {
	if v.Type == bsonx.TypeArray {
		return mongoerr.New(mongoerr.TypeMismatch, "An expression used to partition cannot evaluate to value of type array")
	}
	return nil
}

func (s *windowStage) parseOutputs(d bsonx.Doc) error {
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return nil
		}
		for _, o := range s.outputs {
			if overlaps(o.path.String(), name) {
				return mongoerr.New(6307900, "$setWindowFields 'output' specification contains two conflicting paths")
			}
		}
		p, err := parsePath(name)
		if err != nil {
			return err
		}
		fn, err := s.parseFunction(name, v)
		if err != nil {
			return err
		}
		s.outputs = append(s.outputs, windowOutput{p, fn})
	}
}

// parseFunction reads {$function: argument, window: bounds}.
func (s *windowStage) parseFunction(field string, v bsonx.Value) (windowFunction, error) {
	if v.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.FailedToParse, "The field '%s' must be an object", field)
	}
	w := windowParser{scope: s.scope, order: s.order}
	var arg bsonx.Value
	other := "" // an argument that no function has
	for it := v.Doc().Iter(); ; {
		name, val, ok := it.Next()
		if !ok {
			break
		}
		switch {
		case strings.HasPrefix(name, "$") && w.name == "":
			w.name, arg = name, val
		case name == "window":
			w.window = val
		case other == "":
			other = name
		}
	}
	switch {
	case w.name == "":
		return nil, mongoerr.New(mongoerr.FailedToParse, "Expected a $-prefixed window function, %s", other)
	case !isWindowFunction(w.name):
		return nil, mongoerr.New(mongoerr.FailedToParse, "Unrecognized window function, %s", w.name)
	case other != "":
		return nil, mongoerr.New(mongoerr.FailedToParse, "Window function %s found an unknown argument: %s", w.name, other)
	}
	return w.parse(arg)
}

// explain shows the sort, too, unless the partitions are not simply those of a field.
func (s *windowStage) explain(spec bsonx.Doc) []bsonx.Doc {
	_, arg, _ := spec.First()
	inner := bsonx.NewBuilder(nil).Value("$_internalSetWindowFields", arg).Build()
	by := bsonx.NewBuilder(nil).StartDoc("$sort").StartDoc("sortKey")
	if s.partition != nil {
		p, ok := s.partition.(*expr.FieldPath)
		if !ok {
			return []bsonx.Doc{inner}
		}
		by.Int32(p.Path, 1)
	}
	by.Append(arg.Doc().Lookup("sortBy").Doc())
	if s.partition == nil && s.order == nil {
		return []bsonx.Doc{inner}
	}
	return []bsonx.Doc{by.Build(), inner}
}

func (s *windowStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	it := &windowIterator{windowStage: s, r: r, in: in, c: r.context(s.scope)}
	if s.partition != nil || s.order != nil {
		it.sorter = r.sorter(nil, 0)
	}
	return it, nil
}

type windowIterator struct {
	*windowStage
	r      *run
	in     Iterator
	c      *expr.Context
	sorter *sortkey.Sorter // nil: the order of the input is right

	read   bool
	ended  bool   // no document follows those in part
	ahead  []byte // the first document of the partition after part, nil for none
	part   partition
	docs   *bufferReader  // those of part that are still to be returned
	values []windowValues // of the outputs, for part
	next   int
	bufs   [2][]byte
	sticky
}

func (it *windowIterator) Close() error {
	it.done = true
	err := it.in.Close()
	if perr := it.part.close(); err == nil {
		err = perr
	}
	if it.sorter != nil {
		if serr := it.sorter.Close(); err == nil {
			err = serr
		}
	}
	return err
}

func (it *windowIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	if ctx.Err() != nil { // a window may be long
		return it.end(context.Cause(ctx))
	}
	if it.next == it.part.n {
		ok, err := it.nextPartition(ctx)
		if !ok || err != nil {
			return it.end(err)
		}
	}
	d, ok, err := it.docs.next()
	if !ok || err != nil {
		return it.end(err)
	}
	for i, o := range it.outputs {
		v, err := it.values[i].at(it.next)
		if err != nil {
			return it.end(err)
		}
		buf := &it.bufs[i%2]
		*buf = o.path.appendSet((*buf)[:0], d, v)
		d = *buf
	}
	it.next++
	return d, true, nil
}

// sort reads the input into the sorter. The keys are the partition's and the order's, one
// behind the other, and the former is kept with the document to tell partitions apart.
func (it *windowIterator) sort(ctx context.Context) error {
	var key, doc []byte
	for {
		d, ok, err := it.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return it.sorter.Sort()
		}
		if key, err = it.appendPartition(key[:0], d); err != nil {
			return err
		}
		n := len(key)
		if it.order != nil {
			if key, err = it.order.AppendKey(key, d); err != nil {
				return err
			}
		}
		doc = bsonx.AppendDocStart(doc[:0])
		doc = bsonx.AppendElem(doc, "p", bsonx.Binary(0, key[:n]))
		doc = bsonx.AppendElem(doc, "s", bsonx.Binary(0, key[n:]))
		doc = bsonx.AppendElem(doc, "d", bsonx.Document(d))
		doc = bsonx.AppendDocEnd(doc, 0)
		if err := it.sorter.AddKeyed(key, doc); err != nil {
			return err
		}
	}
}

func (it *windowIterator) appendPartition(dst []byte, d bsonx.Doc) ([]byte, error) {
	if it.partition == nil {
		return dst, nil
	}
	it.c.Reset(d)
	v, err := it.partition.Eval(it.c)
	if err != nil {
		return dst, err
	}
	if v.IsMissing() {
		v = bsonx.Null
	}
	return keyenc.AppendCollated(dst, v, false, it.scope.Collation()), checkPartition(v)
}

// nextPartition reads the documents of one partition and prepares the outputs.
func (it *windowIterator) nextPartition(ctx context.Context) (bool, error) {
	if !it.read {
		it.read = true
		if it.sorter != nil {
			if err := it.sort(ctx); err != nil {
				return false, err
			}
		}
	}
	if err := it.part.close(); err != nil {
		return false, err
	}
	it.part = partition{c: it.c, order: it.order, docs: newDocBuffer("$setWindowFields", it.r.opts), max: it.r.opts.MemoryMax}
	it.part.docs.refusal = mongoerr.New(5643011, "Exceeded memory limit in $setWindowFields, but didn't allow disk use. Set allowDiskUse:true to opt in. The limit is %d bytes.", it.part.max)
	it.next = 0
	err := it.fill(ctx)
	if err != nil || it.part.n == 0 {
		return false, err
	}
	if it.docs, err = it.part.docs.reader(); err != nil {
		return false, err
	}
	it.values = it.values[:0]
	for _, o := range it.outputs {
		v, err := o.fn.over(&it.part)
		if err != nil {
			return false, err
		}
		it.values = append(it.values, v)
	}
	return true, nil
}

// fill reads documents into the partition until another one begins.
func (it *windowIterator) fill(ctx context.Context) error {
	var current []byte
	if it.ahead != nil {
		current = bytes.Clone(partitionOf(it.ahead))
		if err := it.take(it.ahead); err != nil {
			return err
		}
		it.ahead = nil
	}
	for !it.ended {
		d, ok, err := it.readSorted(ctx)
		if err != nil {
			return err
		}
		if !ok {
			it.ended = true
			return nil
		}
		switch {
		case it.sorter == nil:
		case it.part.n == 0:
			current = bytes.Clone(partitionOf(d))
		case !bytes.Equal(partitionOf(d), current):
			it.ahead = d.Clone()
			return nil
		}
		if err := it.take(d); err != nil {
			return err
		}
	}
	return nil
}

// take adds a document to the partition.
func (it *windowIterator) take(d bsonx.Doc) error {
	p := &it.part
	p.n++
	if it.sorter == nil {
		return p.docs.add(d)
	}
	_, key := d.Lookup("s").Binary()
	p.keys = append(p.keys, bytes.Clone(key))
	if err := p.grow(len(key)); err != nil {
		return err
	}
	return p.docs.add(d.Lookup("d").Doc())
}

func partitionOf(wrapped bsonx.Doc) []byte {
	_, key := wrapped.Lookup("p").Binary()
	return key
}

func (it *windowIterator) readSorted(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.sorter == nil {
		return it.in.Next(ctx)
	}
	return it.sorter.Next()
}

// partition is a run of documents that windows do not reach beyond.
type partition struct {
	c     *expr.Context
	order *sortkey.Pattern
	docs  *docBuffer
	n     int      // of docs
	keys  [][]byte // the sort keys; none if there is no order

	size, max int64 // of what is kept in memory beside the documents
}

// close drops the documents.
func (p *partition) close() error {
	if p.docs == nil {
		return nil
	}
	return p.docs.close()
}

// grow adds to what is kept in memory.
func (p *partition) grow(n int) error {
	if p.size += int64(n); p.size > p.max {
		return mongoerr.New(5414201, "Exceeded memory limit in $setWindowFields, used %d bytes but max allowed is %d", p.size, p.max)
	}
	return nil
}

// column evaluates an expression for each document.
func (p *partition) column(e expr.Expr) ([]bsonx.Value, error) {
	r, err := p.docs.reader()
	if err != nil {
		return nil, err
	}
	col := make([]bsonx.Value, p.n)
	for i := range col {
		d, _, err := r.next()
		if err != nil {
			return nil, err
		}
		p.c.Reset(d)
		v, err := e.Eval(p.c)
		if err != nil {
			return nil, err
		}
		col[i] = v.Clone()
		if err := p.grow(valueSize(v)); err != nil {
			return nil, err
		}
	}
	return col, nil
}

// sortColumn returns the values of the one field that documents are sorted by.
func (p *partition) sortColumn() ([]bsonx.Value, error) {
	e, err := expr.NewFieldPath(p.order.Fields()[0].Path)
	if err != nil {
		return nil, err
	}
	return p.column(e)
}

// windowFunction is a compiled window function.
type windowFunction interface {
	// over prepares the function for one partition.
	over(p *partition) (windowValues, error)
}

// windowValues are the results for one partition.
type windowValues interface {
	// at returns the result for the document at position i, valid until the next call. It
	// is called for ascending positions.
	at(i int) (bsonx.Value, error)
}
