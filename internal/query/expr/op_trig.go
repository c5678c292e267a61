package expr

import (
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func trigonometryOperators() []Operator {
	return []Operator{
		trig("$acos", unit, math.Acos, decimalAcos),
		trig("$acosh", fromOne, math.Acosh, decimalAcosh),
		trig("$asin", unit, math.Asin, decimalAsin),
		trig("$asinh", anything, math.Asinh, decimalAsinh),
		trig("$atan", anything, math.Atan, decimalAtan),
		{Name: "$atan2", Min: 2, Max: 2, Build: two(atan2)},
		trig("$atanh", unit, math.Atanh, decimalAtanh),
		trig("$cos", finite, math.Cos, decimalCos),
		trig("$cosh", anything, math.Cosh, decimalCosh),
		trig("$degreesToRadians", anything, func(f float64) float64 { return f * (math.Pi / 180) }, degreesToRadians),
		trig("$radiansToDegrees", anything, func(f float64) float64 { return f * (180 / math.Pi) }, radiansToDegrees),
		trig("$sin", finite, math.Sin, decimalSin),
		trig("$sinh", anything, math.Sinh, decimalSinh),
		trig("$tan", finite, math.Tan, decimalTan),
		trig("$tanh", anything, math.Tanh, decimalTanh),
	}
}

// domain is where a function is defined, as MongoDB's message says it.
type domain struct {
	low, high float64
	text      string
	open      bool // the bounds are not part of it
}

var (
	anything = domain{low: math.Inf(-1), high: math.Inf(1)}
	finite   = domain{low: math.Inf(-1), high: math.Inf(1), text: "(-inf,inf)", open: true}
	unit     = domain{low: -1, high: 1, text: "[-1,1]"}
	fromOne  = domain{low: 1, high: math.Inf(1), text: "[1,inf]"}
)

func (d domain) contains(v bsonx.Value) bool {
	low, high := bsonx.Compare(v, bsonx.Double(d.low)), bsonx.Compare(v, bsonx.Double(d.high))
	if d.open {
		return low > 0 && high < 0
	}
	return low >= 0 && high <= 0
}

// trig makes the table row of a function that gives a double, or a decimal for one.
func trig(name string, in domain, double func(float64) float64, decimal func(*apd.Decimal) *apd.Decimal) Operator {
	return Operator{Name: name, Min: 1, Max: 1, Build: numeric(func(v bsonx.Value) (bsonx.Value, error) {
		switch {
		case isNaN(v):
			return v, nil
		case !in.contains(v):
			return v, mongoerr.New(50989, "cannot apply %s to %s, value must be in %s", name, bsonx.Format(v), in.text)
		case v.Type == bsonx.TypeDecimal128:
			return decimalFn(v, decimal), nil
		}
		return bsonx.Double(double(Float(v))), nil
	})}
}

func atan2(_ *Context, y, x bsonx.Value) (bsonx.Value, error) {
	switch {
	case y.IsNullish():
		return bsonx.Null, nil
	case !y.IsNumber():
		return y, mongoerr.New(51044, "$atan2 only supports numeric types, not %s", y.Type)
	case x.IsNullish():
		return bsonx.Null, nil
	case !x.IsNumber():
		return x, mongoerr.New(51045, "$atan2 only supports numeric types, not %s", x.Type)
	case widest(y.Type, x.Type) != bsonx.TypeDecimal128:
		return bsonx.Double(math.Atan2(Float(y), Float(x))), nil
	}
	var dy, dx apd.Decimal
	setDecimal(&dy, y)
	setDecimal(&dx, x)
	return decimalValue(decimalAtan2(&dy, &dx)), nil
}
