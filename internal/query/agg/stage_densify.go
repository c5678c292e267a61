package agg

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/datetime"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

// densifyStage is $densify over input that is sorted: it adds documents so that the field has
// every value of a grid.
type densifyStage struct {
	field      path
	partitions []path
	step       bsonx.Value
	unit       *datetime.Unit // of steps between dates, nil between numbers
	mode       densifyMode
	low, high  bsonx.Value // of explicit bounds, high exclusive
	coll       *collation.Collation
}

// densifyMode says from where to where the grid goes.
type densifyMode uint8

const (
	densifyFull      densifyMode = iota // from the lowest value of all documents to the highest
	densifyPartition                    // the same for each partition
	densifyExplicit
)

// densifyMax is how many documents a $densify may make.
const densifyMax = 500_000

func parseDensify(p *parser, _ string, arg bsonx.Value) ([]node, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.FailedToParse, "The $densify stage specification must be an object, found %s", arg.Type)
	}
	s := &densifyStage{coll: p.scope.Collation()}
	var err error
	for it := arg.Doc().Iter(); err == nil; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		switch {
		case name == "field" && v.Type == bsonx.TypeString:
			s.field, err = parsePath(v.Str())
		case name == "field":
			err = wrongOptionType("$densify.field", v, "string")
		case name == "partitionByFields":
			err = s.parsePartitions(v)
		case name == "range" && v.Type == bsonx.TypeDocument:
			err = s.parseRange(v.Doc())
		case name == "range":
			err = wrongOptionType("$densify.range", v, "object")
		default:
			err = unknownOption(40415, "$densify", name)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case s.field == nil:
		return nil, mongoerr.New(40414, "BSON field '$densify.field' is missing but a required field")
	case s.step.IsMissing():
		return nil, mongoerr.New(40414, "BSON field '$densify.range' is missing but a required field")
	case s.mode == densifyPartition && len(s.partitions) == 0:
		return nil, mongoerr.New(5733408, "One cannot specify the bounds as 'partition' without specifying a non-empty array of partitionByFields. You may have meant to specify 'full' bounds.")
	}
	if err := s.checkPartitions(); err != nil {
		return nil, err
	}
	by, err := s.sorted(p)
	return []node{by, newNode("$densify", arg, s)}, err
}

// sorted makes the $sort that comes first.
func (s *densifyStage) sorted(p *parser) (node, error) {
	b := bsonx.NewBuilder(nil)
	if s.mode != densifyFull {
		for _, field := range s.partitions {
			b.Int32(field.String(), 1)
		}
	}
	arg := bsonx.Document(b.Int32(s.field.String(), 1).Build())
	st, err := parseSort(p, arg)
	return newNode("$sort", arg, st), err
}

func (s *densifyStage) parsePartitions(v bsonx.Value) error {
	if v.Type != bsonx.TypeArray {
		return wrongOptionType("$densify.partitionByFields", v, "array")
	}
	for it := v.Doc().Iter(); ; {
		_, elem, ok := it.Next()
		if !ok {
			return nil
		}
		if elem.Type != bsonx.TypeString {
			return wrongOptionType("$densify.partitionByFields", elem, "string")
		}
		p, err := parsePath(elem.Str())
		if err != nil {
			return err
		}
		s.partitions = append(s.partitions, p)
	}
}

// checkPartitions refuses partitions that depend on the field that changes.
func (s *densifyStage) checkPartitions() error {
	field := s.field.String()
	for _, p := range s.partitions {
		switch by := p.String(); {
		case by == field || strings.HasPrefix(by, field+"."):
			return mongoerr.New(8993000, "BSON field '$densify.partitionByFields' contains the field that is being densified")
		case strings.HasPrefix(field, by+"."):
			return mongoerr.New(9554500, "The field that is being densified contains the BSON field '$densify.partitionByFields'")
		}
	}
	return nil
}

func (s *densifyStage) parseRange(d bsonx.Doc) error {
	var limits, unit bsonx.Value
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		switch name {
		case "step":
			s.step = v
		case "bounds":
			limits = v
		case "unit":
			unit = v
		default:
			return unknownOption(40415, "$densify.range", name)
		}
	}
	switch {
	case s.step.IsMissing():
		return mongoerr.New(40414, "BSON field '$densify.range.step' is missing but a required field")
	case limits.IsMissing():
		return mongoerr.New(40414, "BSON field '$densify.range.bounds' is missing but a required field")
	case !s.step.IsNumber():
		return mongoerr.New(mongoerr.TypeMismatch, "BSON field '$densify.range.step' is the wrong type '%s', expected types '[int, decimal, double, long]'", s.step.Type)
	case !unit.IsMissing() && unit.Type != bsonx.TypeString:
		return wrongOptionType("$densify.range.unit", unit, "string")
	}
	if bsonx.Compare(s.step, bsonx.Int32(0)) <= 0 {
		return mongoerr.New(5733401, "The step parameter in a range statement must be a strictly positive numeric value")
	}
	if !unit.IsMissing() {
		if _, ok := expr.Integer(s.step); !ok {
			return mongoerr.New(6586400, "The step parameter in a range statement must be a whole number when densifying a date range")
		}
		u, err := datetime.ParseUnit(unit.Str())
		if err != nil {
			return err
		}
		s.unit = &u
	}
	return s.parseBounds(limits)
}

func (s *densifyStage) parseBounds(v bsonx.Value) error {
	switch {
	case v.Type == bsonx.TypeArray:
		return s.parseExplicit(v.Doc())
	case v.Type != bsonx.TypeString:
		return mongoerr.New(5733404, "The bounds in a range statement must be the string 'full', 'partition', or an ascending array of two numbers or two dates")
	case v.Str() == "full":
		s.mode = densifyFull
	case v.Str() == "partition":
		s.mode = densifyPartition
	default:
		return mongoerr.New(5946802, "Bounds string must either be 'full' or 'partition'")
	}
	return nil
}

func (s *densifyStage) parseExplicit(d bsonx.Doc) error {
	s.mode = densifyExplicit
	if d.Count() != 2 {
		return mongoerr.New(5733403, "A bounding array in a range statement must have exactly two elements")
	}
	s.low, s.high = d.Index(0), d.Index(1)
	dates := s.low.Type == bsonx.TypeDateTime
	switch {
	case bsonx.Compare(s.low, s.high) > 0:
		return mongoerr.New(5733402, "A bounding array must be an ascending array of either two dates or two numbers")
	case !dates && !s.low.IsNumber():
		return mongoerr.New(5946800, "Explicit bounds must be numeric or dates")
	case s.low.Type.Class() != s.high.Type.Class():
		return mongoerr.New(5733406, "A bounding array must contain either both dates or both numeric types")
	case dates && s.unit == nil:
		return mongoerr.New(5733410, "A bounding array of dates must specify a unit")
	case !dates && s.unit != nil:
		return mongoerr.New(5733409, "Numeric bounds may not have unit parameter")
	case !dates && (s.low.Type != s.high.Type || s.low.Type != s.step.Type):
		return mongoerr.New(5876900, "Upper bound, lower bound, and step must all have the same type")
	}
	return nil
}

func (s *densifyStage) open(_ context.Context, _ *run, in Iterator) (Iterator, error) {
	return &densifyIterator{densifyStage: s, in: in, grids: make(map[string]*grid)}, nil
}

// grid is how far one partition has come.
type grid struct {
	next   bsonx.Value // the lowest value that was not seen or made yet
	fields bsonx.Doc   // the partition's fields, for new documents
}

// filling is documents to be made: the values of a grid up to one.
type filling struct {
	*grid
	until     bsonx.Value
	inclusive bool // until is made, too
	seen      bool // until is the value of a document, so it need not be made later
}

type densifyIterator struct {
	*densifyStage
	in Iterator

	grids   map[string]*grid
	order   []*grid     // in order of appearance
	lowest  bsonx.Value // of the field in all documents
	highest bsonx.Value

	todo    []filling // to be made before
	pending bsonx.Doc // this document of the input
	ended   bool

	made     int
	key, buf []byte
	pace
	sticky
}

func (it *densifyIterator) Close() error {
	it.done = true
	return it.in.Close()
}

func (it *densifyIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	for !it.done {
		if err := it.pace.check(ctx); err != nil {
			return it.end(err)
		}
		if len(it.todo) > 0 {
			d, err := it.make(&it.todo[0])
			if err != nil {
				return it.end(err)
			}
			if d != nil {
				return d, true, nil
			}
			it.todo = it.todo[1:]
			continue
		}
		if d := it.pending; d != nil {
			it.pending = nil
			return d, true, nil
		}
		if err := it.advance(ctx); err != nil {
			return it.end(err)
		}
	}
	return it.end(it.err)
}

// make returns the next document of a filling, nil if there is none left.
func (it *densifyIterator) make(f *filling) (d bsonx.Doc, err error) {
	c := bsonx.Compare(f.next, f.until)
	if c > 0 || c == 0 && !f.inclusive {
		if c != 0 || !f.seen {
			return nil, nil
		}
		f.next, err = addTo(f.next, it.step, it.unit)
		return nil, err
	}
	if it.made++; it.made > densifyMax {
		return nil, mongoerr.New(5897900, "Generated %d documents in $densify, which is over the limit of %d.", it.made, densifyMax)
	}
	it.buf = it.field.appendSet(it.buf[:0], f.fields, f.next)
	f.next, err = addTo(f.next, it.step, it.unit)
	return it.buf, err
}

// advance reads the next document and sets out to make what comes before it, or, at the end,
// what comes after the last.
func (it *densifyIterator) advance(ctx context.Context) error {
	if it.ended {
		it.done = true
		return nil
	}
	d, ok, err := it.in.Next(ctx)
	if err != nil {
		return err
	}
	if !ok {
		it.ended = true
		it.finish()
		return nil
	}
	v := it.field.get(d)
	it.pending = d
	if v.IsNullish() {
		return nil
	}
	if err := it.densifyStage.check(v); err != nil {
		return err
	}
	v = v.Clone()
	if it.lowest.IsMissing() {
		it.lowest = v
	}
	it.highest = v
	it.place(d, v)
	return nil
}

func (s *densifyStage) check(v bsonx.Value) error {
	switch {
	case v.Type == bsonx.TypeDateTime && s.unit == nil:
		return mongoerr.New(6053600, "$densify field of type date must have a unit specified")
	case v.IsNumber() && s.unit != nil:
		return mongoerr.New(6053601, "Encountered numeric densify value in collection when step has a date unit.")
	case v.Type != bsonx.TypeDateTime && !v.IsNumber():
		return mongoerr.New(5733201, "Densify field type must be numeric or a date")
	}
	return nil
}

// place sets out to make what comes before document d with value v. When its partition is
// new, the one before has ended.
func (it *densifyIterator) place(d bsonx.Doc, v bsonx.Value) {
	g, isNew := it.gridOf(d, v)
	if n := len(it.order); isNew && n > 1 && it.mode == densifyExplicit {
		it.todo = append(it.todo, filling{grid: it.order[n-2], until: it.high})
	}
	f := filling{grid: g, until: v, seen: true}
	if it.mode == densifyExplicit && bsonx.Compare(v, it.high) >= 0 {
		f.until, f.seen = it.high, false
	}
	it.todo = append(it.todo, f)
}

// gridOf returns the grid of the document's partition, which is made if it is new.
func (it *densifyIterator) gridOf(d bsonx.Doc, v bsonx.Value) (g *grid, isNew bool) {
	it.key = it.key[:0]
	for _, p := range it.partitions {
		it.key = keyenc.AppendCollated(it.key, p.get(d), false, it.coll)
	}
	if g, ok := it.grids[string(it.key)]; ok {
		return g, false
	}
	g = &grid{next: v}
	switch it.mode {
	case densifyFull:
		g.next = it.lowest
	case densifyExplicit:
		g.next = it.low
	}
	for _, p := range it.partitions {
		g.fields = p.appendSet(nil, g.fields, p.get(d))
	}
	it.grids[string(it.key)] = g
	it.order = append(it.order, g)
	return g, true
}

// finish sets out to make what comes after the last document.
func (it *densifyIterator) finish() {
	switch it.mode {
	case densifyFull:
		for _, g := range it.order {
			it.todo = append(it.todo, filling{grid: g, until: it.highest, inclusive: true})
		}
	case densifyExplicit:
		if len(it.order) == 0 && len(it.partitions) == 0 {
			it.order = append(it.order, &grid{next: it.low})
		}
		if n := len(it.order); n > 0 {
			it.todo = append(it.todo, filling{grid: it.order[n-1], until: it.high})
		}
	}
}
