package agg

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// arrayState is an array under construction.
type arrayState struct {
	buf []byte
	n   int
}

// push appends an element and returns by how many bytes the state grew.
func (s *arrayState) push(v bsonx.Value) int {
	before := len(s.buf)
	if s.buf == nil {
		s.buf = bsonx.AppendDocStart(nil)
	}
	s.buf = bsonx.AppendIndexElem(s.buf, s.n, v)
	s.n++
	return len(s.buf) - before
}

// reset empties the array and keeps its buffer.
func (s *arrayState) reset() {
	if s.buf != nil {
		s.buf = s.buf[:4]
	}
	s.n = 0
}

// value returns the array, which is valid until the next change.
func (s *arrayState) value() bsonx.Value {
	if s.buf == nil {
		return bsonx.Array(bsonx.Empty)
	}
	// The terminator goes behind the elements, where the next push overwrites it.
	return bsonx.Array(bsonx.AppendDocEnd(s.buf, 0))
}

// append appends the array as a field.
func (s *arrayState) append(dst []byte, name string) []byte {
	dst = bsonx.AppendHeader(dst, bsonx.TypeArray, name)
	if s.buf == nil {
		return append(dst, bsonx.Empty...)
	}
	start := len(dst)
	return bsonx.AppendDocEnd(append(dst, s.buf...), start)
}

// mergeElems adds all elements of an array that appendState wrote.
func mergeElems(a accumulator, g int, state bsonx.Value) (grew int, err error) {
	for it := state.Doc().Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return grew, nil
		}
		n, err := a.add(g, v)
		if err != nil {
			return grew, err
		}
		grew += n
	}
}

// pushAccumulator is $push.
type pushAccumulator struct{ states []arrayState }

func newPush() accumulator { return &pushAccumulator{} }

func (a *pushAccumulator) grow(bsonx.Value) error {
	a.states = append(a.states, arrayState{})
	return nil
}

func (a *pushAccumulator) add(g int, v bsonx.Value) (int, error) {
	if v.IsMissing() {
		return 0, nil
	}
	return a.states[g].push(v), nil
}

func (a *pushAccumulator) appendResult(dst []byte, name string, g int) []byte {
	return a.states[g].append(dst, name)
}

func (a *pushAccumulator) appendState(dst []byte, name string, g int) []byte {
	return a.appendResult(dst, name, g)
}

func (a *pushAccumulator) merge(g int, state bsonx.Value) (int, error) {
	return mergeElems(a, g, state)
}

// setAccumulator is $addToSet. Values that compare equal are one element, in the form
// that came first.
type setAccumulator struct {
	states []setState
	coll   *collation.Collation
	key    []byte
}

type setState struct {
	arrayState
	seen map[string]struct{}
}

func newAddToSet(coll *collation.Collation) accumulator { return &setAccumulator{coll: coll} }

func (a *setAccumulator) grow(bsonx.Value) error {
	a.states = append(a.states, setState{})
	return nil
}

func (a *setAccumulator) add(g int, v bsonx.Value) (int, error) {
	if v.IsMissing() {
		return 0, nil
	}
	s := &a.states[g]
	a.key = keyenc.AppendCollated(a.key[:0], v, false, a.coll)
	if _, ok := s.seen[string(a.key)]; ok {
		return 0, nil
	}
	if s.seen == nil {
		s.seen = make(map[string]struct{})
	}
	s.seen[string(a.key)] = struct{}{}
	return s.push(v) + len(a.key) + mapEntrySize, nil
}

// mapEntrySize estimates what one string key takes in a map beside its bytes.
const mapEntrySize = 48

func (a *setAccumulator) appendResult(dst []byte, name string, g int) []byte {
	return a.states[g].append(dst, name)
}

func (a *setAccumulator) appendState(dst []byte, name string, g int) []byte {
	return a.appendResult(dst, name, g)
}

func (a *setAccumulator) merge(g int, state bsonx.Value) (int, error) {
	return mergeElems(a, g, state)
}

// mergeObjectsAccumulator is $mergeObjects: later fields replace earlier ones in place.
type mergeObjectsAccumulator struct {
	states []bsonx.Doc
	buf    []byte
}

func newMergeObjects() accumulator { return &mergeObjectsAccumulator{} }

func (a *mergeObjectsAccumulator) grow(bsonx.Value) error {
	a.states = append(a.states, nil)
	return nil
}

func (a *mergeObjectsAccumulator) add(g int, v bsonx.Value) (int, error) {
	if v.IsNullish() {
		return 0, nil
	}
	if v.Type != bsonx.TypeDocument {
		return 0, mongoerr.New(40400, "$mergeObjects requires object inputs, but input %s is of type %s", bsonx.Format(v), v.Type)
	}
	old := a.states[g]
	a.buf = appendMerged(a.buf[:0], old, v.Doc())
	a.states[g] = append(old[:0], a.buf...)
	return len(a.buf) - len(old), nil
}

// appendMerged appends a document with the fields of both, b's values winning.
func appendMerged(dst []byte, a, b bsonx.Doc) []byte {
	start := len(dst)
	dst = bsonx.AppendDocStart(dst)
	for it := a.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if w := b.Lookup(key); !w.IsMissing() {
			v = w
		}
		dst = bsonx.AppendElem(dst, key, v)
	}
	for it := b.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if a.Lookup(key).IsMissing() {
			dst = bsonx.AppendElem(dst, key, v)
		}
	}
	return bsonx.AppendDocEnd(dst, start)
}

func (a *mergeObjectsAccumulator) appendResult(dst []byte, name string, g int) []byte {
	return bsonx.AppendElem(dst, name, bsonx.Document(a.states[g]))
}

func (a *mergeObjectsAccumulator) appendState(dst []byte, name string, g int) []byte {
	return a.appendResult(dst, name, g)
}

func (a *mergeObjectsAccumulator) merge(g int, state bsonx.Value) (int, error) {
	return a.add(g, state)
}
