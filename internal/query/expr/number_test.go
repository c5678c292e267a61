package expr_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/query/expr"
)

func dec(t testing.TB, s string) bsonx.Value {
	t.Helper()
	d, err := bson.ParseDecimal128(s)
	require.NoError(t, err)
	return bsonx.Decimal128(d)
}

// requireIdentical compares type and bytes, so 1 differs from 1.0 and 1.0 from 1.00.
func requireIdentical(t testing.TB, want, got bsonx.Value, name string) {
	t.Helper()
	require.Truef(t, bsonx.Identical(want, got), "%s: want %s %s, got %s %s", name,
		want.Type, bsonx.Format(want), got.Type, bsonx.Format(got))
}

func TestArithmetic(t *testing.T) {
	i32, i64, f := bsonx.Int32, bsonx.Int64, bsonx.Double
	for _, tc := range []struct {
		name       string
		op         func(a, b bsonx.Value) bsonx.Value
		a, b, want bsonx.Value
	}{
		{"int", expr.Add, i32(1), i32(2), i32(3)},
		{"int widens", expr.Add, i32(math.MaxInt32), i32(1), i64(math.MaxInt32 + 1)},
		{"long", expr.Add, i64(1), i32(2), i64(3)},
		{"long widens", expr.Add, i64(math.MaxInt64), i32(1), f(1 << 63)},
		{"double", expr.Add, i32(1), f(0.5), f(1.5)},
		{"decimal", expr.Add, dec(t, "0.1"), dec(t, "0.2"), dec(t, "0.3")},
		{"decimal of double has 15 digits", expr.Add, dec(t, "1"), f(0.1), dec(t, "1.100000000000000")},
		{"decimal has 34 digits", expr.Add, dec(t, "1E+33"), dec(t, "0.11"), dec(t, "1000000000000000000000000000000000")},
		{"decimal infinities", expr.Add, dec(t, "Infinity"), dec(t, "-Infinity"), dec(t, "NaN")},
		{"decimal too large", expr.Add, dec(t, "9.999999999999999999999999999999999E+6144"), dec(t, "9.999999999999999999999999999999999E+6144"), dec(t, "Infinity")},
		{"subtract int widens", expr.Subtract, i32(math.MinInt32), i32(1), i64(math.MinInt32 - 1)},
		{"subtract long widens", expr.Subtract, i64(math.MinInt64), i64(1), f(math.MinInt64 - 1)},
		{"subtract long", expr.Subtract, i64(5), i64(5), i64(0)},
		{"subtract decimal", expr.Subtract, dec(t, "1.10"), i32(1), dec(t, "0.10")},
		{"multiply int", expr.Multiply, i32(3), i32(-4), i32(-12)},
		{"multiply int widens", expr.Multiply, i32(math.MaxInt32), i32(2), i64(math.MaxInt32 * 2)},
		{"multiply long widens", expr.Multiply, i64(math.MaxInt64), i64(2), f(math.MaxInt64 * 2.0)},
		{"multiply min by -1", expr.Multiply, i64(math.MinInt64), i64(-1), f(1 << 63)},
		{"multiply decimal", expr.Multiply, dec(t, "1.5"), i32(2), dec(t, "3.0")},
	} {
		requireIdentical(t, tc.want, tc.op(tc.a, tc.b), tc.name)
	}
}

func TestDivideAndMod(t *testing.T) {
	i32, i64, f := bsonx.Int32, bsonx.Int64, bsonx.Double
	for _, tc := range []struct {
		name       string
		op         func(a, b bsonx.Value) (bsonx.Value, error)
		a, b, want bsonx.Value
		code       mongoerr.Code
	}{
		{"divide", expr.Divide, i32(6), i32(3), f(2), 0},
		{"divide decimal", expr.Divide, dec(t, "10"), i32(4), dec(t, "2.5"), 0},
		{"divide decimal exactly", expr.Divide, dec(t, "100"), i32(10), dec(t, "10"), 0},
		{"divide decimal for ever", expr.Divide, dec(t, "1"), i32(3), dec(t, "0.3333333333333333333333333333333333"), 0},
		{"divide by zero", expr.Divide, i32(1), f(0), bsonx.Value{}, 2},
		{"divide by decimal zero", expr.Divide, i32(1), dec(t, "0.00"), bsonx.Value{}, 2},
		{"mod", expr.Mod, i32(-7), i32(3), i32(-1), 0},
		{"mod long", expr.Mod, i32(7), i64(4), i64(3), 0},
		{"mod min by -1", expr.Mod, i64(math.MinInt64), i64(-1), i64(0), 0},
		{"mod double", expr.Mod, f(5.5), i32(2), f(1.5), 0},
		{"mod decimal", expr.Mod, dec(t, "5.5"), i32(2), dec(t, "1.5"), 0},
		{"mod decimal of extremes", expr.Mod, dec(t, "1E+6111"), dec(t, "7"), dec(t, "6"), 0},
		{"mod by zero", expr.Mod, i32(1), i32(0), bsonx.Value{}, 16610},
		{"mod by decimal zero", expr.Mod, i32(1), dec(t, "0"), bsonx.Value{}, 5733415},
	} {
		got, err := tc.op(tc.a, tc.b)
		if tc.code != 0 {
			require.True(t, mongoerr.Is(err, tc.code), "%s: %v", tc.name, err)
			continue
		}
		require.NoError(t, err, tc.name)
		requireIdentical(t, tc.want, got, tc.name)
	}
}

func TestSum(t *testing.T) {
	i32, i64, f := bsonx.Int32, bsonx.Int64, bsonx.Double
	for _, tc := range []struct {
		name      string
		in        []bsonx.Value
		sum, avg  bsonx.Value
		pop, samp bsonx.Value
	}{
		{"nothing", nil, i32(0), bsonx.Null, bsonx.Null, bsonx.Null},
		{"no numbers", []bsonx.Value{bsonx.Null, bsonx.String("1"), {}}, i32(0), bsonx.Null, bsonx.Null, bsonx.Null},
		{"one", []bsonx.Value{i32(4)}, i32(4), f(4), f(0), bsonx.Null},
		{"ints", []bsonx.Value{i32(1), i32(2), bsonx.String("x"), i32(3)}, i32(6), f(2), f(math.Sqrt(2.0 / 3)), f(1)},
		{"int widens", []bsonx.Value{i32(math.MaxInt32), i32(1)}, i64(math.MaxInt32 + 1), f(1 << 30), f(1073741823), f(1518500248.5738113)},
		{"longs", []bsonx.Value{i64(math.MaxInt64), i64(-1), i32(1)}, i64(math.MaxInt64), f((1 << 63) / 3.0), bsonx.Value{}, bsonx.Value{}},
		{"long widens", []bsonx.Value{i64(math.MaxInt64), i64(1)}, f(1 << 63), f(1 << 62), bsonx.Value{}, bsonx.Value{}},
		{"long comes back", []bsonx.Value{i64(math.MaxInt64), i64(1), i64(-2)}, i64(math.MaxInt64 - 1), bsonx.Value{}, bsonx.Value{}, bsonx.Value{}},
		{"compensated", []bsonx.Value{f(1e100), f(1), f(-1e100)}, f(1), f(1.0 / 3), bsonx.Value{}, bsonx.Value{}},
		{"tenths", []bsonx.Value{f(0.1), f(0.1), f(0.1), f(0.1), f(0.1), f(0.1), f(0.1), f(0.1), f(0.1), f(0.1)}, f(1), f(0.1), bsonx.Value{}, bsonx.Value{}},
		{"infinities", []bsonx.Value{f(math.Inf(1)), f(1)}, f(math.Inf(1)), f(math.Inf(1)), bsonx.Value{}, bsonx.Value{}},
		{"decimals", []bsonx.Value{dec(t, "0.1"), dec(t, "0.2")}, dec(t, "0.3"), dec(t, "0.15"), bsonx.Value{}, bsonx.Value{}},
		{"decimal and int", []bsonx.Value{dec(t, "0.5"), i32(2), f(0.25)}, dec(t, "2.75"), bsonx.Value{}, bsonx.Value{}, bsonx.Value{}},
	} {
		var sum expr.Sum
		var avg expr.Avg
		var dev expr.StdDev
		for _, v := range tc.in {
			sum.Add(v)
			avg.Add(v)
			dev.Add(v)
		}
		requireIdentical(t, tc.sum, sum.Value(), tc.name+" $sum")
		for _, c := range []struct {
			name      string
			want, got bsonx.Value
		}{{"$avg", tc.avg, avg.Value()}, {"$stdDevPop", tc.pop, dev.Pop()}, {"$stdDevSamp", tc.samp, dev.Samp()}} {
			switch {
			case c.want.IsMissing():
			case c.want.Type == bsonx.TypeDouble && !math.IsInf(c.want.Double(), 0):
				require.InEpsilon(t, c.want.Double()+1, c.got.Double()+1, 1e-12, "%s %s", tc.name, c.name)
			default:
				requireIdentical(t, c.want, c.got, tc.name+" "+c.name)
			}
		}
	}
}

func TestArithmeticDoesNotAllocate(t *testing.T) {
	a, b := bsonx.Int32(3), bsonx.Double(4)
	var sum expr.Sum
	require.Zero(t, testing.AllocsPerRun(100, func() {
		sum.Add(expr.Add(a, b))
		sum.Add(expr.Multiply(a, a))
	}))
}
