package keyenc_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
)

func dec(s string) bsonx.Value {
	d, err := bson.ParseDecimal128(s)
	if err != nil {
		panic(err)
	}
	return bsonx.Decimal128(d)
}

func doc(kv ...any) bsonx.Value {
	b := bsonx.NewBuilder(nil)
	for i := 0; i < len(kv); i += 2 {
		b.Value(kv[i].(string), kv[i+1].(bsonx.Value))
	}
	return bsonx.Document(b.Build())
}

// payload makes values that have no constructor.
func payload(t bsonx.Type, b string) bsonx.Value {
	v, n, ok := bsonx.Payload(t, []byte(b))
	if !ok || n != len(b) {
		panic("malformed payload")
	}
	return v
}

// numbers are the edges of all four types and the conversions between them.
func numbers() []bsonx.Value {
	var vs []bsonx.Value
	for _, i := range []int64{
		0, 1, 2, 63, 64, 127, 128, 255, 256, 32767, 32768, 1<<31 - 1, 1 << 31, 1<<53 - 1, 1 << 53, 1<<53 + 1,
		1<<62 + 1, math.MaxInt64 - 1, math.MaxInt64,
	} {
		vs = append(vs, bsonx.Int64(i), bsonx.Int64(-i), bsonx.Double(float64(i)), bsonx.Double(-float64(i)))
		if i <= math.MaxInt32 {
			vs = append(vs, bsonx.Int32(int32(i)), bsonx.Int32(int32(-i)))
		}
	}
	vs = append(vs, bsonx.Int64(math.MinInt64), bsonx.Int32(math.MinInt32))
	for _, f := range []float64{
		math.Copysign(0, -1), 0.1, 0.5, 1.5, 3.25, math.Pi, math.SmallestNonzeroFloat64, math.MaxFloat64, 1e300, 1e-300,
		1 << 63, 1 << 64, math.Nextafter(1<<63, 0), math.Nextafter(1<<63, math.Inf(1)), math.Nextafter(1, 0), math.Nextafter(1, 2),
		2.2250738585072014e-308, math.Inf(1),
	} {
		vs = append(vs, bsonx.Double(f), bsonx.Double(-f))
	}
	vs = append(vs, bsonx.Double(math.NaN()), bsonx.Double(math.Float64frombits(0x7ff8000000000123)))
	for _, s := range []string{
		"0", "0E-6176", "0E+6111", "1", "1.00", "1E+2", "100", "0.1", "0.10", "0.5", "0.1000000000000000055511151231257827",
		"0.1000000000000000055511151231257828", "3.25", "9007199254740993", "9007199254740992.5", "9223372036854775807", "9223372036854775807.5",
		"9223372036854775808", "9223372036854775809", "18446744073709551616", "9.999999999999999999999999999999999E+6144", "1E-6176", "1E+309",
		"1.797693134862315708145274237317043E+308", "1.797693134862315708145274237317044E+308", "4.940656458412465441765687928682213E-324",
		"2E-324", "Infinity", "123456789012345678901234567890.1234", "12345678901234567.89", "0.9999999999999999999999999999999999",
	} {
		vs = append(vs, dec(s), dec("-"+s))
	}
	return append(vs, dec("NaN"))
}

func values() []bsonx.Value {
	vs := numbers()
	for _, s := range []string{"", "a", "ab", "b", "a\x00", "a\x00b", "a\x01", "a\x01\x01", "a\x02", "a\xff", "\x00", "\x00\x00", "\x01", "é", "日本", strings.Repeat("x", 300)} {
		vs = append(vs, bsonx.String(s), bsonx.Symbol(s), bsonx.JavaScript(s))
	}
	vs = append(vs,
		bsonx.Value{}, bsonx.Undefined, bsonx.Null, bsonx.MinKey, bsonx.MaxKey, bsonx.Bool(true), bsonx.Bool(false),
		bsonx.DateTime(0), bsonx.DateTime(-1), bsonx.DateTime(math.MaxInt64), bsonx.DateTime(math.MinInt64),
		bsonx.Timestamp(0), bsonx.Timestamp(math.MaxUint64), bsonx.Timestamp(1<<32),
		bsonx.ObjectID([12]byte{}), bsonx.ObjectID([12]byte{11: 1}), bsonx.ObjectID([12]byte{0: 255}),
		bsonx.Binary(0, nil), bsonx.Binary(0, []byte{0}), bsonx.Binary(4, []byte{1}), bsonx.Binary(0, []byte{2}), bsonx.Binary(255, []byte{0, 1, 2}),
		bsonx.Regex("", ""), bsonx.Regex("a", ""), bsonx.Regex("a", "i"), bsonx.Regex("ab", ""), bsonx.Regex("a", "im"),
		payload(bsonx.TypeDBPointer, "\x02\x00\x00\x00a\x00abcdefghijkl"), payload(bsonx.TypeDBPointer, "\x01\x00\x00\x00\x00zbcdefghijkl"),
		payload(bsonx.TypeCodeWithScope, "\x0f\x00\x00\x00\x02\x00\x00\x00x\x00\x05\x00\x00\x00\x00"),
		payload(bsonx.TypeCodeWithScope, "\x16\x00\x00\x00\x02\x00\x00\x00x\x00\x0c\x00\x00\x00\x10a\x00\x01\x00\x00\x00\x00"),
		doc(), doc("a", bsonx.Int32(1)), doc("a", bsonx.Double(1)), doc("a", bsonx.Int32(2)), doc("b", bsonx.Int32(1)), doc("ab", bsonx.Int32(0)),
		doc("a", bsonx.Int32(1), "b", bsonx.Int32(1)), doc("b", bsonx.Int32(1), "a", bsonx.Int32(1)), doc("a", bsonx.String("")), doc("", bsonx.Null),
		doc("a", bsonx.Bool(true)), doc("b", bsonx.Bool(false)), doc("b", bsonx.Bool(true)), doc("a", bsonx.Undefined), doc("a", doc("b", dec("1.0"))),
		bsonx.MakeArray(), bsonx.MakeArray(bsonx.Int32(1)), bsonx.MakeArray(bsonx.Int64(1)), bsonx.MakeArray(bsonx.Int32(1), bsonx.Null),
		bsonx.MakeArray(bsonx.Null), bsonx.MakeArray(bsonx.Undefined), bsonx.MakeArray(bsonx.MakeArray()), bsonx.MakeArray(doc("a", bsonx.String("x\x00y"))),
		bsonx.Array(bsonx.NewBuilder(nil).Int32("x", 1).Int32("y", 2).Build()),
	)
	return vs
}

// random makes a value of any type, nested up to depth.
func random(r *rand.Rand, depth int) bsonx.Value {
	base := values()
	if depth == 0 || r.IntN(3) > 0 {
		return base[r.IntN(len(base))]
	}
	b := bsonx.NewBuilder(nil)
	names := []string{"", "a", "b", "ab", "\x01", "0"}
	if r.IntN(2) == 0 {
		for range r.IntN(4) {
			if v := random(r, depth-1); !v.IsMissing() {
				b.Value(names[r.IntN(len(names))], v)
			}
		}
		return bsonx.Document(b.Build())
	}
	var vs []bsonx.Value
	for range r.IntN(4) {
		vs = append(vs, random(r, depth-1))
	}
	return bsonx.MakeArray(vs...)
}

func sign(n int) int { return min(max(n, -1), 1) }

func requireOrder(t *testing.T, a, b bsonx.Value) {
	t.Helper()
	want := sign(bsonx.Compare(a, b))
	ka, kb := keyenc.Append(nil, a), keyenc.Append(nil, b)
	require.Equal(t, want, bytes.Compare(ka, kb), "%s against %s: %x %x", bsonx.Format(a), bsonx.Format(b), ka, kb)
	da, db := keyenc.AppendDesc(nil, a), keyenc.AppendDesc(nil, b)
	require.Equal(t, -want, bytes.Compare(da, db), "descending %s against %s", bsonx.Format(a), bsonx.Format(b))
	if want != 0 {
		require.False(t, bytes.HasPrefix(ka, kb), "%s is a prefix of %s", bsonx.Format(b), bsonx.Format(a))
		require.False(t, bytes.HasPrefix(kb, ka), "%s is a prefix of %s", bsonx.Format(a), bsonx.Format(b))
	}
}

func requireRoundTrip(t *testing.T, v bsonx.Value) {
	t.Helper()
	for _, desc := range []bool{false, true} {
		key := append(keyenc.AppendField(nil, v, desc), "rest"...)
		bits := keyenc.TrimTypeBits(keyenc.AppendTypeBits(nil, v), 0)
		rest, err := keyenc.Skip(key, desc)
		require.NoError(t, err)
		require.Equal(t, "rest", string(rest), bsonx.Format(v))
		got, rest, _, err := keyenc.Decode(key, desc, bits)
		require.NoError(t, err)
		require.Equal(t, "rest", string(rest))
		require.True(t, bsonx.Identical(v, got), "%s (%s) came back as %s (%s)", bsonx.Format(v), v.Type, bsonx.Format(got), got.Type)
		require.NotEqual(t, byte(keyenc.Below), key[0])
		require.NotEqual(t, byte(keyenc.Above), key[0])
	}
}

func TestOrderOfAllPairs(t *testing.T) {
	vs := values()
	for _, a := range vs {
		for _, b := range vs {
			requireOrder(t, a, b)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, v := range values() {
		requireRoundTrip(t, v)
	}
}

func TestRandomValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		a, b := random(r, 3), random(r, 3)
		requireOrder(t, a, b)
		requireRoundTrip(t, a)
	}
}

func TestRandomNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	number := func() bsonx.Value {
		switch r.IntN(5) {
		case 0:
			return bsonx.Int64(int64(r.Uint64() >> r.IntN(64)))
		case 1:
			return bsonx.Double(math.Float64frombits(r.Uint64()))
		case 2:
			return bsonx.Double(float64(int64(r.Uint64()>>r.IntN(64))) / 8)
		case 3:
			return bsonx.Decimal128(bson.NewDecimal128(r.Uint64(), r.Uint64()))
		}
		// Small decimals with few digits, near the integers and doubles.
		return dec(bsonx.Format(bsonx.Int64(r.Int64N(2000)-1000)) + "E-" + string(rune('0'+r.IntN(4))))
	}
	for range 20000 {
		a, b := number(), number()
		requireOrder(t, a, b)
		requireRoundTrip(t, a)
	}
}

func TestDecodeWithoutTypeBits(t *testing.T) {
	for _, v := range numbers() {
		got, _, _, err := keyenc.Decode(keyenc.Append(nil, v), false, nil)
		require.NoError(t, err)
		if v.Type != bsonx.TypeDecimal128 {
			require.True(t, bsonx.Equal(v, got), "%s came back as %s", bsonx.Format(v), bsonx.Format(got))
		}
	}
}

func TestClassBounds(t *testing.T) {
	vs := values()
	for _, v := range vs {
		key := keyenc.Append(nil, v)
		lo, hi := keyenc.AppendClassLow(nil, v.Type.Class()), keyenc.AppendClassHigh(nil, v.Type.Class())
		require.LessOrEqual(t, bytes.Compare(lo, key), 0)
		require.Positive(t, bytes.Compare(hi, key))
		for _, w := range vs {
			if w.Type.Class() != v.Type.Class() {
				k := keyenc.Append(nil, w)
				require.True(t, bytes.Compare(k, lo) < 0 || bytes.Compare(k, hi) >= 0, "%s in the class of %s", bsonx.Format(w), bsonx.Format(v))
			}
		}
	}
}

func TestTruncate(t *testing.T) {
	long := bsonx.String(strings.Repeat("x", 2000))
	other := bsonx.String(strings.Repeat("x", 1999) + "y")
	a := keyenc.Truncate(keyenc.Append([]byte("head"), long), 4)
	b := keyenc.Truncate(keyenc.Append([]byte("head"), other), 4)
	require.True(t, keyenc.IsTruncated(a[4:]))
	require.Equal(t, a, keyenc.Truncate(keyenc.Append([]byte("head"), long), 4))
	require.NotEqual(t, a, b)
	short := keyenc.Append(nil, bsonx.String(strings.Repeat("x", keyenc.MaxKey-2)))
	require.Equal(t, short, keyenc.Truncate(bytes.Clone(short), 0))
	require.False(t, keyenc.IsTruncated(short))
}

func TestAllocations(t *testing.T) {
	buf := make([]byte, 0, 256)
	for _, v := range []bsonx.Value{bsonx.Int32(5), bsonx.Int64(1 << 40), bsonx.Double(1.5), bsonx.String("hello"), bsonx.ObjectID([12]byte{1})} {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			buf = keyenc.Append(buf[:0], v)
			buf = keyenc.AppendDesc(buf, v)
			buf = keyenc.AppendTypeBits(buf, v)
		}), v.Type)
	}
}

// FuzzOrder takes two documents and holds order and round trip of their values.
func FuzzOrder(f *testing.F) {
	for _, v := range values() {
		if !v.IsMissing() {
			f.Add([]byte(doc("a", v, "b", bsonx.Int32(1)).Doc()))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if bsonx.Validate(b, bsonx.MaxDepth) != nil {
			return
		}
		var vs []bsonx.Value
		for it := bsonx.Doc(b).Iter(); ; {
			_, v, ok := it.Next()
			if !ok {
				break
			}
			vs = append(vs, v)
		}
		for i, v := range vs {
			requireRoundTrip(t, v)
			requireOrder(t, v, vs[(i+1)%len(vs)])
		}
	})
}

// FuzzDecode holds that malformed keys are errors, not crashes.
func FuzzDecode(f *testing.F) {
	for _, v := range values() {
		f.Add(keyenc.Append(nil, v), keyenc.AppendTypeBits(nil, v), false)
		f.Add(keyenc.AppendDesc(nil, v), keyenc.AppendTypeBits(nil, v), true)
	}
	f.Fuzz(func(t *testing.T, key, bits []byte, desc bool) {
		if _, rest, _, err := keyenc.Decode(key, desc, bits); err == nil {
			require.Less(t, len(rest), len(key))
		}
		_, _ = keyenc.Skip(key, desc)
	})
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, 256)
	for _, v := range []bsonx.Value{bsonx.Int32(5), bsonx.Double(1.5), bsonx.String("hello world"), bsonx.ObjectID([12]byte{1}), dec("1.25")} {
		b.Run(v.Type.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = keyenc.Append(buf[:0], v)
			}
		})
	}
}

// TestCollated compares keys by a collation with the collation's own order.
func TestCollated(t *testing.T) {
	spec := bsonx.NewBuilder(nil).String("locale", "en").Int32("strength", 2).Build()
	coll, err := collation.Parse(spec)
	require.NoError(t, err)
	vs := append(values(), bsonx.String("A"), bsonx.String("á"), bsonx.String("Á"), bsonx.Symbol("a"),
		doc("x", bsonx.String("A")), doc("x", bsonx.String("a")), bsonx.MakeArray(bsonx.String("A")), bsonx.MakeArray(bsonx.String("a"), bsonx.Null))
	for _, a := range vs {
		for _, b := range vs {
			up := bytes.Compare(keyenc.AppendCollated(nil, a, false, coll), keyenc.AppendCollated(nil, b, false, coll))
			require.Equal(t, coll.Compare(a, b), up, "%s and %s", bsonx.Format(a), bsonx.Format(b))
			down := bytes.Compare(keyenc.AppendCollated(nil, a, true, coll), keyenc.AppendCollated(nil, b, true, coll))
			require.Equal(t, -up, down)
		}
		key := keyenc.AppendCollated([]byte("before"), a, false, coll)
		rest, err := keyenc.Skip(append(key[len("before"):], "after"...), false)
		require.NoError(t, err)
		require.Equal(t, "after", string(rest))
		require.Equal(t, keyenc.Append(nil, a), keyenc.AppendCollated(nil, a, false, nil))
	}
}
