package expr

import "github.com/tandemdb/tandem/internal/bsonx"

// The states of sums are documents, so that partial sums can go to a file and be merged.
// A zero state is a missing value.

// AppendState appends the state as a field.
func (s *Sum) AppendState(dst []byte, name string) []byte {
	if s.typ == bsonx.Missing {
		return dst
	}
	return bsonx.AppendElem(dst, name, bsonx.Document(s.build(0).Build()))
}

func (s *Sum) build(n int64) *bsonx.Builder {
	b := bsonx.NewBuilder(nil).Int32("t", int32(s.typ)).Double("h", s.high).Double("l", s.low).Double("p", s.plain)
	if s.decimal != nil {
		b.Value("d", decimalValue(s.decimal))
	}
	if n > 0 {
		b.Int64("n", n)
	}
	return b
}

// Merge adds what the Sum that state is of has added.
func (s *Sum) Merge(state bsonx.Value) {
	d := state.Doc()
	if d == nil {
		return
	}
	plain := s.plain + d.Lookup("p").Double()
	s.addDouble(d.Lookup("h").Double())
	s.addDouble(d.Lookup("l").Double())
	s.plain = plain
	if v := d.Lookup("d"); !v.IsMissing() {
		s.addDecimal(v)
	}
	s.typ = widest(s.typ, bsonx.Type(d.Lookup("t").Int32()))
}

// AppendState appends the state as a field.
func (a *Avg) AppendState(dst []byte, name string) []byte {
	if a.n == 0 {
		return dst
	}
	return bsonx.AppendElem(dst, name, bsonx.Document(a.sum.build(a.n).Build()))
}

// Merge takes in what the Avg that state is of has taken in.
func (a *Avg) Merge(state bsonx.Value) {
	a.sum.Merge(state)
	a.n += state.Doc().Lookup("n").Int64()
}

// AppendState appends the state as a field.
func (s *StdDev) AppendState(dst []byte, name string) []byte {
	if s.n == 0 {
		return dst
	}
	b := bsonx.NewBuilder(nil).Int64("n", s.n).Double("m", s.mean).Double("s", s.m2)
	return bsonx.AppendElem(dst, name, bsonx.Document(b.Build()))
}

// Merge takes in what the StdDev that state is of has taken in (the method of Chan et al.).
func (s *StdDev) Merge(state bsonx.Value) {
	d := state.Doc()
	n := d.Lookup("n").Int64()
	if n == 0 {
		return
	}
	delta := d.Lookup("m").Double() - s.mean
	total := s.n + n
	s.m2 += d.Lookup("s").Double() + delta*delta*float64(s.n)*float64(n)/float64(total)
	s.mean += delta * float64(n) / float64(total)
	s.n = total
}
