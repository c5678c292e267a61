package expr

import (
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Sum adds numbers as $sum does: what is not a number counts nothing, the result has the
// widest type seen, an integer that needs it becomes wider. Doubles and integers are added
// with twice a double's precision, so their order hardly matters. The zero Sum is zero.
type Sum struct {
	typ bsonx.Type // widest so far, Missing before the first

	high, low float64 // their sum is exact where possible
	plain     float64 // without compensation, which spoils infinities

	decimal *apd.Decimal // the decimals, nil for none
}

// Add adds v if it is a number.
func (s *Sum) Add(v bsonx.Value) {
	switch v.Type {
	case bsonx.TypeInt32:
		s.addDouble(float64(v.Int32()))
	case bsonx.TypeInt64:
		// Each half fits a double exactly.
		i := v.Int64()
		low := i % (1 << 32)
		s.addDouble(float64(low))
		s.addDouble(float64(i - low))
	case bsonx.TypeDouble:
		s.addDouble(v.Double())
	case bsonx.TypeDecimal128:
		s.addDecimal(v)
	default:
		return
	}
	s.typ = widest(s.typ, v.Type)
}

// addDouble adds x by error-free transformations: the rounding error of each addition is
// kept in low.
func (s *Sum) addDouble(x float64) {
	s.plain += x
	sum, err := twoSum(s.high, x)
	s.low += err
	s.high, s.low = twoSum(sum, s.low)
}

// twoSum returns a + b rounded and the rounding error.
func twoSum(a, b float64) (sum, err float64) {
	sum = a + b
	t := sum - a
	return sum, (a - (sum - t)) + (b - t)
}

func (s *Sum) addDecimal(v bsonx.Value) {
	var d apd.Decimal
	setDecimal(&d, v)
	if s.decimal == nil {
		s.decimal = &d
		return
	}
	_, _ = decimalContext.Add(s.decimal, s.decimal, &d)
}

// Value returns the sum; it is int32 zero if there was no number.
func (s *Sum) Value() bsonx.Value {
	switch s.typ {
	case bsonx.Missing:
		return bsonx.Int32(0)
	case bsonx.TypeInt32:
		if i, ok := s.int64(); ok {
			return intOrLong(i)
		}
	case bsonx.TypeInt64:
		if i, ok := s.int64(); ok {
			return bsonx.Int64(i)
		}
	case bsonx.TypeDecimal128:
		d := s.decimalTotal()
		return decimalValue(&d)
	}
	return bsonx.Double(s.double())
}

// IsDecimal reports whether a decimal was added.
func (s *Sum) IsDecimal() bool { return s.typ == bsonx.TypeDecimal128 }

func (s *Sum) double() float64 {
	if math.IsNaN(s.high) {
		return s.plain
	}
	return s.high
}

// int64 returns an integral sum if it fits.
func (s *Sum) int64() (int64, bool) {
	switch {
	case s.high >= 1<<63:
		if s.high > 1<<63 || s.low >= 0 {
			return 0, false
		}
		return math.MaxInt64 + int64(s.low) + 1, true
	case s.high < -1<<63 || s.high == -1<<63 && s.low < 0:
		return 0, false
	}
	return int64(s.high) + int64(s.low), true
}

// decimalTotal adds the doubles, with all their digits, to the decimals.
func (s *Sum) decimalTotal() apd.Decimal {
	var total, d apd.Decimal
	if s.decimal != nil {
		total.Set(s.decimal)
	}
	if s.high == 0 && s.plain == 0 {
		return total
	}
	setDouble(&d, s.double(), -1)
	_, _ = decimalContext.Add(&total, &total, &d)
	if d.Form == apd.Finite {
		setDouble(&d, s.low, -1)
		_, _ = decimalContext.Add(&total, &total, &d)
	}
	return total
}

// Avg averages numbers as $avg does. The zero Avg is ready.
type Avg struct {
	sum Sum
	n   int64
}

// Add takes v in if it is a number.
func (a *Avg) Add(v bsonx.Value) {
	if v.IsNumber() {
		a.sum.Add(v)
		a.n++
	}
}

// Value returns the average, a double or decimal; null if there was no number.
func (a *Avg) Value() bsonx.Value {
	if a.n == 0 {
		return bsonx.Null
	}
	if !a.sum.IsDecimal() {
		return bsonx.Double(a.sum.double() / float64(a.n))
	}
	d := a.sum.decimalTotal()
	var avg apd.Decimal
	_, _ = decimalQuo(&avg, &d, apd.New(a.n, 0))
	return decimalValue(&avg)
}

// StdDev computes standard deviations in one pass (Welford's method), in doubles. The zero
// StdDev is ready.
type StdDev struct {
	n        int64
	mean, m2 float64
}

// Add takes v in if it is a number.
func (s *StdDev) Add(v bsonx.Value) {
	if !v.IsNumber() {
		return
	}
	f := Float(v)
	s.n++
	if delta := f - s.mean; delta != 0 {
		s.mean += delta / float64(s.n)
		s.m2 += delta * (f - s.mean)
	}
}

// Pop returns the deviation of a whole population, null if there was no number.
func (s *StdDev) Pop() bsonx.Value { return s.deviation(s.n) }

// Samp returns the deviation of a sample, null for fewer than two numbers.
func (s *StdDev) Samp() bsonx.Value { return s.deviation(s.n - 1) }

func (s *StdDev) deviation(n int64) bsonx.Value {
	if n <= 0 {
		return bsonx.Null
	}
	return bsonx.Double(math.Sqrt(s.m2 / float64(n)))
}
