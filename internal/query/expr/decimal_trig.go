package expr

import (
	"math"

	"github.com/cockroachdb/apd/v3"
)

// Trigonometry on decimals: arguments are made small by identities and the rest is a
// Taylor series, with so many digits more than the result has that cancellation does not
// matter.

// trigContext has the digits to reduce arguments up to trigMax by multiples of pi.
var trigContext = apd.Context{
	Precision:   decimalDigits + 50,
	MaxExponent: apd.MaxExponent,
	MinExponent: apd.MinExponent,
	Rounding:    apd.RoundHalfEven,
}

var (
	decimalPi  = mustDecimal("3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679")
	decimalOne = apd.New(1, 0)
	decimalTwo = apd.New(2, 0)
	trigMax    = apd.New(1, 40)
)

func mustDecimal(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		panic(err)
	}
	return d
}

// The operations below never fail for the arguments they get; what is undefined is NaN.

func dAdd(x, y *apd.Decimal) *apd.Decimal { return dOp(trigContext.Add, x, y) }
func dSub(x, y *apd.Decimal) *apd.Decimal { return dOp(trigContext.Sub, x, y) }
func dMul(x, y *apd.Decimal) *apd.Decimal { return dOp(trigContext.Mul, x, y) }
func dQuo(x, y *apd.Decimal) *apd.Decimal { return dOp(trigContext.Quo, x, y) }

func dOp(op func(d, x, y *apd.Decimal) (apd.Condition, error), x, y *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	if _, err := op(d, x, y); err != nil {
		return &decimalNaN
	}
	return d
}

func dFn(fn func(d, x *apd.Decimal) (apd.Condition, error), x *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	if _, err := fn(d, x); err != nil {
		return &decimalNaN
	}
	return d
}

func dNeg(x *apd.Decimal) *apd.Decimal { return new(apd.Decimal).Neg(x) }

// halfPi returns pi/2.
func halfPi() *apd.Decimal { return dQuo(decimalPi, decimalTwo) }

// tiny reports whether |x| is so small that x and x^3 differ beyond all digits.
func tiny(x *apd.Decimal) bool {
	return x.IsZero() || x.NumDigits()+int64(x.Exponent) < -decimalDigits/2
}

// series adds first * (1 + ...), where next gives the factor from term n-1 to n, from n = 1.
func series(first, square *apd.Decimal, next func(n int64) (num, den int64)) *apd.Decimal {
	sum, term := new(apd.Decimal).Set(first), new(apd.Decimal).Set(first)
	for n := int64(1); n < 400; n++ {
		num, den := next(n)
		term = dQuo(dMul(dMul(term, square), apd.New(num, 0)), apd.New(den, 0))
		if term.IsZero() || term.NumDigits()+int64(term.Exponent) < sum.NumDigits()+int64(sum.Exponent)-int64(trigContext.Precision) {
			break
		}
		sum = dAdd(sum, term)
	}
	return sum
}

// reduceAngle returns x less a multiple of 2 pi, within [-pi, pi].
func reduceAngle(x *apd.Decimal) *apd.Decimal {
	turn := dMul(decimalPi, decimalTwo)
	n := dFn(trigContext.RoundToIntegralValue, dQuo(x, turn))
	// The product needs all digits of pi; the context would round it.
	ctx := trigContext
	ctx.Precision += 50
	product, rest := new(apd.Decimal), new(apd.Decimal)
	_, _ = ctx.Mul(product, n, turn)
	_, _ = ctx.Sub(rest, x, product)
	return rest
}

// tooLarge reports whether an angle has no digits left after its multiples of pi.
func tooLarge(x *apd.Decimal) bool { return new(apd.Decimal).Abs(x).Cmp(trigMax) > 0 }

// viaFloat computes in doubles.
func viaFloat(x *apd.Decimal, fn func(float64) float64) *apd.Decimal {
	f, _ := x.Float64()
	d := new(apd.Decimal)
	setDouble(d, fn(f), 14)
	return d
}

func decimalSin(x *apd.Decimal) *apd.Decimal {
	switch {
	case x.IsZero():
		return x
	case tooLarge(x):
		return viaFloat(x, math.Sin)
	}
	r := reduceAngle(x)
	return series(r, dMul(r, r), func(n int64) (int64, int64) { return -1, 2 * n * (2*n + 1) })
}

func decimalCos(x *apd.Decimal) *apd.Decimal {
	if tooLarge(x) {
		return viaFloat(x, math.Cos)
	}
	r := reduceAngle(x)
	return series(decimalOne, dMul(r, r), func(n int64) (int64, int64) { return -1, (2*n - 1) * 2 * n })
}

func decimalTan(x *apd.Decimal) *apd.Decimal {
	switch {
	case x.IsZero():
		return x
	case tooLarge(x):
		return viaFloat(x, math.Tan)
	}
	return dQuo(decimalSin(x), decimalCos(x))
}

func decimalAtan(x *apd.Decimal) *apd.Decimal {
	switch {
	case x.IsZero():
		return x
	case x.Form == apd.Infinite && x.Negative:
		return dNeg(halfPi())
	case x.Form == apd.Infinite:
		return halfPi()
	}
	if new(apd.Decimal).Abs(x).Cmp(decimalOne) > 0 {
		rest := decimalAtan(dQuo(decimalOne, x))
		if x.Negative {
			return dSub(dNeg(halfPi()), rest)
		}
		return dSub(halfPi(), rest)
	}
	// atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))), four times.
	const halvings = 4
	y := x
	for range halvings {
		y = dQuo(y, dAdd(decimalOne, dFn(trigContext.Sqrt, dAdd(decimalOne, dMul(y, y)))))
	}
	y = series(y, dMul(y, y), func(n int64) (int64, int64) { return -(2*n - 1), 2*n + 1 })
	return dMul(y, apd.New(1<<halvings, 0))
}

func decimalAtan2(y, x *apd.Decimal) *apd.Decimal {
	switch {
	case y.Form == apd.NaN || x.Form == apd.NaN:
		return &decimalNaN
	case x.IsZero() || y.IsZero() || x.Form == apd.Infinite || y.Form == apd.Infinite:
		return axisAngle(y, x)
	}
	a := decimalAtan(dQuo(y, x))
	switch {
	case !x.Negative:
		return a
	case y.Negative:
		return dSub(a, decimalPi)
	}
	return dAdd(a, decimalPi)
}

// axisAngle is atan2 where a coordinate is zero or infinite: a multiple of pi/4.
func axisAngle(y, x *apd.Decimal) *apd.Decimal {
	f, _ := x.Float64()
	g, _ := y.Float64()
	eighths := math.Round(math.Atan2(g, f) / (math.Pi / 4))
	if eighths == 0 {
		return &apd.Decimal{Negative: y.Negative}
	}
	return dQuo(dMul(decimalPi, apd.New(int64(eighths), 0)), apd.New(4, 0))
}

func decimalAsin(x *apd.Decimal) *apd.Decimal {
	if x.IsZero() {
		return x
	}
	cosine := dFn(trigContext.Sqrt, dMul(dSub(decimalOne, x), dAdd(decimalOne, x)))
	return decimalAtan2(x, cosine)
}

func decimalAcos(x *apd.Decimal) *apd.Decimal {
	if x.Cmp(decimalOne) == 0 {
		return new(apd.Decimal)
	}
	return dSub(halfPi(), decimalAsin(x))
}

func decimalSinh(x *apd.Decimal) *apd.Decimal {
	switch {
	case x.IsZero() || x.Form == apd.Infinite:
		return x
	case new(apd.Decimal).Abs(x).Cmp(decimalOne) < 0:
		return series(x, dMul(x, x), func(n int64) (int64, int64) { return 1, 2 * n * (2*n + 1) })
	}
	return dQuo(dSub(decimalExp(x), decimalExp(dNeg(x))), decimalTwo)
}

func decimalCosh(x *apd.Decimal) *apd.Decimal {
	if x.Form == apd.Infinite {
		return new(apd.Decimal).Abs(x)
	}
	return dQuo(dAdd(decimalExp(x), decimalExp(dNeg(x))), decimalTwo)
}

func decimalTanh(x *apd.Decimal) *apd.Decimal {
	switch {
	case x.IsZero():
		return x
	case x.Form == apd.Infinite || new(apd.Decimal).Abs(x).Cmp(apd.New(100, 0)) > 0:
		return &apd.Decimal{Coeff: *apd.NewBigInt(1), Negative: x.Negative}
	}
	return dQuo(decimalSinh(x), decimalCosh(x))
}

// decimalAsinh is odd, so that it is computed for a positive argument, without cancellation.
func decimalAsinh(x *apd.Decimal) *apd.Decimal {
	switch {
	case x.Form == apd.Infinite || tiny(x):
		return x
	case x.Negative:
		return dNeg(decimalAsinh(dNeg(x)))
	}
	return dFn(trigContext.Ln, dAdd(x, dFn(trigContext.Sqrt, dAdd(dMul(x, x), decimalOne))))
}

func decimalAcosh(x *apd.Decimal) *apd.Decimal {
	switch {
	case x.Form == apd.Infinite:
		return x
	case x.Cmp(decimalOne) == 0:
		return new(apd.Decimal)
	}
	return dFn(trigContext.Ln, dAdd(x, dFn(trigContext.Sqrt, dSub(dMul(x, x), decimalOne))))
}

func decimalAtanh(x *apd.Decimal) *apd.Decimal {
	switch {
	case tiny(x):
		return x
	case new(apd.Decimal).Abs(x).Cmp(decimalOne) == 0:
		return &apd.Decimal{Form: apd.Infinite, Negative: x.Negative}
	}
	return dQuo(dFn(trigContext.Ln, dQuo(dAdd(decimalOne, x), dSub(decimalOne, x))), decimalTwo)
}

func degreesToRadians(x *apd.Decimal) *apd.Decimal {
	if x.Form == apd.Infinite || x.IsZero() {
		return x
	}
	return dQuo(dMul(x, decimalPi), apd.New(180, 0))
}

func radiansToDegrees(x *apd.Decimal) *apd.Decimal {
	if x.Form == apd.Infinite || x.IsZero() {
		return x
	}
	return dQuo(dMul(x, apd.New(180, 0)), decimalPi)
}
