package agg

import (
	"bytes"
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

// groupStage is $group.
type groupStage struct {
	scope  *expr.Scope
	id     expr.Expr
	fields []statement
}

func parseGroup(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(15947, "a group's fields must be specified in an object")
	}
	s := &groupStage{scope: p.scope}
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if err := s.parseField(name, v); err != nil {
			return nil, err
		}
	}
	if s.id == nil {
		return nil, mongoerr.New(15955, "a group specification must include an _id")
	}
	return s, nil
}

func (s *groupStage) parseField(name string, v bsonx.Value) (err error) {
	if name == "_id" {
		if s.id != nil {
			return mongoerr.New(15948, "a group's _id may only be specified once")
		}
		s.id, err = expr.Parse(v, s.scope)
		return err
	}
	st, err := parseStatement(name, v, s.scope)
	s.fields = append(s.fields, st)
	return err
}

func (s *groupStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	it := &groupIterator{groupStage: s, r: r, in: in, c: r.context(s.scope)}
	it.coll = s.scope.Collation()
	return it, nil
}

// groupIterator reads all input at the first Next, then returns the groups: from memory, or,
// if they did not fit, merged from sorted runs of partial groups.
type groupIterator struct {
	*groupStage
	r    *run
	in   Iterator
	c    *expr.Context
	read bool
	groupTable
	next    int             // the group to return
	partial *sortkey.Sorter // parts of groups by key, nil if all groups are in memory
	part    bsonx.Doc       // the next one, nil at the end; its key is partKey
	partKey []byte
	out     []byte
	sticky
}

func (it *groupIterator) Close() error {
	it.groupTable = groupTable{}
	err := it.in.Close()
	if it.partial != nil {
		if serr := it.partial.Close(); err == nil {
			err = serr
		}
		it.partial = nil
	}
	it.done = true
	return err
}

func (it *groupIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	if !it.read {
		it.read = true
		if err := it.readAll(ctx); err != nil {
			return it.end(err)
		}
	}
	if it.partial != nil {
		return it.nextMerged()
	}
	if it.next == len(it.ids) {
		return it.end(nil)
	}
	it.out = it.appendGroup(it.out[:0], it.next)
	it.next++
	return it.out, true, nil
}

// readAll takes the whole input into groups.
func (it *groupIterator) readAll(ctx context.Context) error {
	it.groupTable.reset(it.fields)
	for {
		d, ok, err := it.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		it.c.Reset(d)
		if err := it.add(); err != nil {
			return err
		}
		if it.size > it.r.opts.MemoryMax {
			if err := it.spillTable(); err != nil {
				return err
			}
		}
	}
	if it.partial == nil {
		return nil
	}
	if err := it.spillTable(); err != nil {
		return err
	}
	if err := it.partial.Sort(); err != nil {
		return err
	}
	return it.nextPart()
}

// add takes the context's document into its group.
func (it *groupIterator) add() error {
	id, err := it.id.Eval(it.c)
	if err != nil {
		return err
	}
	g, err := it.group(id)
	if err != nil {
		return err
	}
	for i := range it.fields {
		v, err := it.fields[i].input.Eval(it.c)
		if err != nil {
			return err
		}
		n, err := it.accs[i].add(g, v)
		if err != nil {
			return err
		}
		it.size += int64(n)
	}
	return nil
}

// spillTable hands the groups in memory over to a sorter and forgets them.
func (it *groupIterator) spillTable() error {
	if !it.r.opts.AllowDiskUse {
		return memoryExceeded("$group", it.r.opts.MemoryMax)
	}
	if it.partial == nil {
		o := it.r.opts
		it.partial = sortkey.NewSorter(nil, sortkey.SorterOptions{MemoryMax: o.MemoryMax / 4, AllowDiskUse: true, TempDir: o.TempDir})
	}
	for k, g := range it.index {
		it.out = it.appendPartial(it.out[:0], int(g))
		it.key = append(it.key[:0], k...)
		if err := it.partial.AddKeyed(it.key, it.out); err != nil {
			return err
		}
	}
	it.groupTable.reset(it.fields)
	return nil
}

// nextPart reads the next part of a group.
func (it *groupIterator) nextPart() (err error) {
	it.partKey, it.part, _, err = it.partial.NextKeyed()
	return err
}

// nextMerged puts the parts of the next group together, in the order of the input.
func (it *groupIterator) nextMerged() (bsonx.Doc, bool, error) {
	if it.part == nil {
		return it.end(nil)
	}
	it.groupTable.reset(it.fields)
	it.key = append(it.key[:0], it.partKey...)
	if err := it.newGroup(it.part.Lookup("_id")); err != nil {
		return it.end(err)
	}
	for it.part != nil && bytes.Equal(it.partKey, it.key) {
		if err := it.mergePartial(0, it.part); err != nil {
			return it.end(err)
		}
		if err := it.nextPart(); err != nil {
			return it.end(err)
		}
	}
	it.out = it.appendGroup(it.out[:0], 0)
	return it.out, true, nil
}

// groupTable holds groups in memory: a hash table from their key to their number, and the
// accumulators' states by number.
type groupTable struct {
	outputs []statement
	index   map[string]int32
	ids     []bsonx.Value // as they were seen first
	accs    []accumulator
	size    int64
	key     []byte // of the document at hand
	coll    *collation.Collation
}

func (t *groupTable) reset(fields []statement) {
	t.outputs = fields
	t.index = make(map[string]int32)
	t.ids = nil
	t.size = 0
	t.accs = make([]accumulator, len(fields))
	for i, f := range fields {
		t.accs[i] = f.make()
	}
}

// groupOverhead is what a group costs beside its key, its id and what accumulators report.
const groupOverhead = 128

// group returns the number of the group with the id, which is made if it is new.
func (t *groupTable) group(id bsonx.Value) (int, error) {
	if id.Type == bsonx.Missing || id.Type == bsonx.TypeUndefined {
		id = bsonx.Null
	}
	t.key = keyenc.AppendCollated(t.key[:0], id, false, t.coll)
	if g, ok := t.index[string(t.key)]; ok {
		return int(g), nil
	}
	t.index[string(t.key)] = int32(len(t.ids))
	t.size += int64(len(t.key)+valueSize(id)) + groupOverhead + int64(len(t.outputs))*32
	return len(t.ids), t.newGroup(id)
}

func (t *groupTable) newGroup(id bsonx.Value) error {
	id = id.Clone()
	t.ids = append(t.ids, id)
	for _, a := range t.accs {
		if err := a.grow(id); err != nil {
			return err
		}
	}
	return nil
}

// appendGroup appends the result for a group.
func (t *groupTable) appendGroup(dst []byte, g int) []byte {
	start := len(dst)
	dst = bsonx.AppendElem(bsonx.AppendDocStart(dst), "_id", t.ids[g])
	for i, f := range t.outputs {
		dst = t.accs[i].appendResult(dst, f.name, g)
	}
	return bsonx.AppendDocEnd(dst, start)
}

// appendPartial appends the state of a group.
func (t *groupTable) appendPartial(dst []byte, g int) []byte {
	start := len(dst)
	dst = bsonx.AppendElem(bsonx.AppendDocStart(dst), "_id", t.ids[g])
	for i, f := range t.outputs {
		dst = t.accs[i].appendState(dst, f.name, g)
	}
	return bsonx.AppendDocEnd(dst, start)
}

// mergePartial takes a document of appendPartial into a group.
func (t *groupTable) mergePartial(g int, d bsonx.Doc) error {
	for i, f := range t.outputs {
		if _, err := t.accs[i].merge(g, d.Lookup(f.name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *groupStage) deps(d *Deps) bool {
	d.expr(s.id)
	for _, f := range s.fields {
		d.expr(f.input)
	}
	return true
}
