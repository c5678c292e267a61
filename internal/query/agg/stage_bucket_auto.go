package agg

import (
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
	"github.com/tandemdb/tandem/internal/query/sortkey"
)

// bucketAutoStage is $bucketAuto: it sorts the documents and cuts them into buckets of about
// the same size.
type bucketAutoStage struct {
	groupStage // id is groupBy
	buckets    int64
	rounder    series // the boundaries are taken from it, nil for any
	ordered    bool   // the documents of a bucket are added in the order of the input
}

// ordered are the accumulators whose results depend on the order of the documents.
var ordered = map[string]bool{"$first": true, "$firstN": true, "$last": true, "$lastN": true, "$mergeObjects": true, "$push": true}

func parseBucketAuto(p *parser, arg bsonx.Value) (stage, error) {
	if arg.Type != bsonx.TypeDocument {
		return nil, mongoerr.New(40240, "The argument to $bucketAuto must be an object, but found type: %s.", arg.Type)
	}
	s := &bucketAutoStage{groupStage: groupStage{scope: p.scope}}
	var output bsonx.Doc
	for it := arg.Doc().Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			break
		}
		if name != "output" {
			if err := s.set(name, v); err != nil {
				return nil, err
			}
			continue
		}
		if v.Type != bsonx.TypeDocument {
			return nil, mongoerr.New(40244, "The $bucketAuto 'output' field must be an object, but found type: %s.", v.Type)
		}
		output = v.Doc()
	}
	if s.id == nil || s.buckets == 0 {
		return nil, mongoerr.New(40246, "$bucketAuto requires 'groupBy' and 'buckets' to be specified.")
	}
	if err := s.parseOutput(output); err != nil {
		return nil, err
	}
	s.ordered = slices.ContainsFunc(s.fields, func(st statement) bool { return ordered[st.op] })
	return s, s.checkCounts()
}

// checkCounts refuses accumulators whose n depends on a group's key: a bucket has none.
func (s *bucketAutoStage) checkCounts() error {
	for _, st := range s.fields {
		if acc, ok := st.make().(*nAccumulator); ok && !acc.isFixed() {
			return mongoerr.New(4544714, "Can't refer to the group key in $bucketAuto")
		}
	}
	return nil
}

func (s *bucketAutoStage) set(name string, v bsonx.Value) (err error) {
	switch name {
	case "groupBy":
		if !isGroupBy(v) {
			return mongoerr.New(40239, "The $bucketAuto 'groupBy' field must be defined as a $-prefixed path or an expression object, but found: %s", bsonx.Format(v))
		}
		s.id, err = expr.Parse(v, s.scope)
	case "buckets":
		n, ok := expr.Integer(v)
		switch {
		case !v.IsNumber():
			return mongoerr.New(40241, "The $bucketAuto 'buckets' field must be a numeric value, but found type: %s", v.Type)
		case !ok || n > math.MaxInt32 || n < math.MinInt32:
			return mongoerr.New(40242, "The $bucketAuto 'buckets' field must be representable as a 32-bit integer, but found %s", bsonx.Format(v))
		case n <= 0:
			return mongoerr.New(40243, "The $bucketAuto 'buckets' field must be greater than 0, but found: %d", n)
		}
		s.buckets = n
	case "granularity":
		if v.Type != bsonx.TypeString {
			return mongoerr.New(40261, "The $bucketAuto 'granularity' field must be a string, but found type: %s", v.Type)
		}
		if s.rounder = seriesByName(v.Str()); s.rounder == nil {
			return mongoerr.New(40257, "Unknown rounding granularity '%s'", v.Str())
		}
	default:
		return mongoerr.New(40245, "Unrecognized option to $bucketAuto: %s.", name)
	}
	return err
}

func (s *bucketAutoStage) open(_ context.Context, r *run, in Iterator) (Iterator, error) {
	return &bucketAutoIterator{bucketAutoStage: s, r: r, in: in, c: r.context(s.scope), sorter: r.sorter(nil, 0)}, nil
}

type bucketAutoIterator struct {
	*bucketAutoStage
	r      *run
	in     Iterator
	c      *expr.Context
	sorter *sortkey.Sorter
	bucket *sortkey.Sorter // the documents of a bucket, where their order matters
	key    []byte

	read    bool
	total   int64
	emitted int64
	table   groupTable

	ahead       bsonx.Doc   // the next {v, d}, nil at the end
	previousMax bsonx.Value // of the bucket before, with a granularity
	out         []byte
	sticky
}

func (it *bucketAutoIterator) Close() error {
	it.done = true
	err := it.in.Close()
	if serr := it.sorter.Close(); err == nil {
		err = serr
	}
	if it.bucket != nil {
		if berr := it.bucket.Close(); err == nil {
			err = berr
		}
	}
	return err
}

func (it *bucketAutoIterator) Next(ctx context.Context) (bsonx.Doc, bool, error) {
	if it.done {
		return it.end(it.err)
	}
	if !it.read {
		it.read = true
		if err := it.sort(ctx); err != nil {
			return it.end(err)
		}
	}
	if it.ahead == nil {
		return it.end(nil)
	}
	if err := it.makeBucket(); err != nil {
		return it.end(err)
	}
	return it.out, true, nil
}

// sort reads the input into the sorter, as {v: value, d: document, n: position}.
func (it *bucketAutoIterator) sort(ctx context.Context) error {
	var key, doc []byte
	for {
		d, ok, err := it.in.Next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		it.c.Reset(d)
		v, err := it.id.Eval(it.c)
		if err != nil {
			return err
		}
		if v.IsMissing() {
			v = bsonx.Null
		}
		if err := it.checkGranular(v); err != nil {
			return err
		}
		key = keyenc.AppendCollated(key[:0], v, false, it.scope.Collation())
		doc = bsonx.AppendElem(bsonx.AppendDocStart(doc[:0]), "v", v)
		doc = bsonx.AppendElem(doc, "d", bsonx.Document(d))
		doc = bsonx.AppendDocEnd(bsonx.AppendElem(doc, "n", bsonx.Int64(it.total)), 0)
		if err := it.sorter.AddKeyed(key, doc); err != nil {
			return err
		}
		it.total++
	}
	if err := it.sorter.Sort(); err != nil {
		return err
	}
	return it.next()
}

func (s *bucketAutoStage) checkGranular(v bsonx.Value) error {
	switch f := expr.Float(v); {
	case s.rounder == nil:
	case !v.IsNumber():
		return mongoerr.New(40258, "$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a value with type: %s", v.Type)
	case math.IsNaN(f):
		return mongoerr.New(40259, "$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a NaN")
	case f < 0:
		return mongoerr.New(40260, "$bucketAuto can specify a 'granularity' with non-negative numbers only, but found a negative number")
	}
	return nil
}

func (it *bucketAutoIterator) next() error {
	d, ok, err := it.sorter.Next()
	it.ahead = d
	if !ok {
		it.ahead = nil
	}
	return err
}

// makeBucket takes documents into one bucket and makes its document.
func (it *bucketAutoIterator) makeBucket() error {
	it.table.reset(it.fields)
	if it.ordered {
		it.bucket = it.r.sorter(nil, 0)
	}
	lowest := it.ahead.Lookup("v").Clone()
	if err := it.table.newGroup(bsonx.Null); err != nil {
		return err
	}
	it.emitted++
	size := max(int64(math.Round(float64(it.total)/float64(it.buckets))), 1)
	highest := lowest
	for n := int64(0); it.ahead != nil && (n < size || it.emitted == it.buckets); n++ {
		var err error
		if highest, err = it.take(); err != nil {
			return err
		}
	}
	upper, err := it.upper(highest)
	if err != nil {
		return err
	}
	if err := it.addOrdered(); err != nil {
		return err
	}
	lower := lowest
	if it.rounder != nil {
		if lower = it.previousMax; lower.IsMissing() {
			lower = bsonx.Double(it.rounder.below(expr.Float(lowest)))
		}
		it.previousMax = upper
	}
	it.table.ids[0] = bsonx.Document(bsonx.NewBuilder(nil).Value("min", lower).Value("max", upper).Build())
	it.out = it.table.appendGroup(it.out[:0], 0)
	return nil
}

// take adds the next document to the bucket and returns its value.
func (it *bucketAutoIterator) take() (bsonx.Value, error) {
	v, d := it.ahead.Lookup("v").Clone(), it.ahead.Lookup("d").Doc()
	var err error
	if it.ordered {
		it.key = binary.BigEndian.AppendUint64(it.key[:0], uint64(it.ahead.Lookup("n").Int64()))
		err = it.bucket.AddKeyed(it.key, d)
	} else {
		err = it.add(d)
	}
	if err != nil {
		return v, err
	}
	return v, it.next()
}

// add adds a document to the accumulators.
func (it *bucketAutoIterator) add(d bsonx.Doc) error {
	it.c.Reset(d)
	for i := range it.fields {
		val, err := it.fields[i].input.Eval(it.c)
		if err != nil {
			return err
		}
		if _, err := it.table.accs[i].add(0, val); err != nil {
			return err
		}
	}
	return nil
}

// addOrdered adds the documents of the bucket that were put in their order.
func (it *bucketAutoIterator) addOrdered() error {
	if !it.ordered {
		return nil
	}
	if err := it.bucket.Sort(); err != nil {
		return err
	}
	for {
		d, ok, err := it.bucket.Next()
		if err != nil {
			return err
		}
		if !ok {
			return it.bucket.Close()
		}
		if err := it.add(d); err != nil {
			return err
		}
	}
}

// upper returns the bucket's upper boundary, having taken in the documents that it must not
// separate: the last bucket's is its highest value, other ones' the next bucket's lowest.
func (it *bucketAutoIterator) upper(highest bsonx.Value) (bsonx.Value, error) {
	edge := highest
	if it.rounder != nil {
		edge = bsonx.Double(it.rounder.above(expr.Float(highest)))
	}
	for it.ahead != nil {
		v := it.ahead.Lookup("v")
		if it.scope.Collation().Compare(v, highest) != 0 && (it.rounder == nil || bsonx.Compare(v, edge) >= 0) {
			break
		}
		if _, err := it.take(); err != nil {
			return edge, err
		}
	}
	switch {
	case it.ahead == nil:
		return edge, nil
	case it.rounder == nil:
		return it.ahead.Lookup("v").Clone(), nil
	case expr.Float(edge) == 0:
		// Zero is in no series: the next bucket's lower boundary takes its place.
		return bsonx.Double(it.rounder.below(expr.Float(it.ahead.Lookup("v")))), nil
	}
	return edge, nil
}
