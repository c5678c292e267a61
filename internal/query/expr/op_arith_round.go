package expr

import (
	"math"
	"strconv"

	"github.com/cockroachdb/apd/v3"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// rounding is $round and $trunc: [number, place].
type rounding struct {
	name    string
	args    []Expr
	rounder apd.Rounder
	whole   func(float64) float64 // for place 0
}

func roundBuild(r apd.Rounder, whole func(float64) float64) func(string, []Expr) (Expr, error) {
	return func(name string, args []Expr) (Expr, error) { return &rounding{name, args, r, whole}, nil }
}

func (e *rounding) Args() []Expr { return e.args }

func (e *rounding) Eval(c *Context) (bsonx.Value, error) {
	v, err := e.args[0].Eval(c)
	switch {
	case err != nil:
		return v, err
	case v.IsNullish():
		return bsonx.Null, nil
	case !v.IsNumber():
		return v, mongoerr.New(51081, "%s only supports numeric types, not %s", e.name, v.Type)
	}
	place := 0
	if len(e.args) > 1 {
		p, err := e.args[1].Eval(c)
		if err != nil {
			return p, err
		}
		if p.IsNullish() {
			return bsonx.Null, nil
		}
		if place, err = e.place(p); err != nil {
			return p, err
		}
	}
	return e.round(v, place)
}

func (e *rounding) place(p bsonx.Value) (int, error) {
	i, ok := smallInteger(p)
	if !ok {
		return 0, mongoerr.New(51082, "precision argument to  %s must be a integral value", e.name)
	}
	if i < -20 || i > 100 {
		return 0, mongoerr.New(51083, "cannot apply %s with precision value %d value must be in [-20, 100]", e.name, i)
	}
	return i, nil
}

func (e *rounding) round(v bsonx.Value, place int) (bsonx.Value, error) {
	switch v.Type {
	case bsonx.TypeDouble:
		return bsonx.Double(e.roundDouble(v.Double(), place)), nil
	case bsonx.TypeDecimal128:
		return roundDecimal(v, place, e.rounder), nil
	}
	if place >= 0 {
		return v, nil
	}
	var d apd.Decimal
	setDecimal(&d, v)
	quantize(&d, int32(-place), e.rounder)
	quantize(&d, 0, e.rounder)
	i, err := d.Int64()
	switch {
	case err != nil:
		return v, mongoerr.New(51080, "invalid conversion from Decimal128 result in %s resulting from arguments: [%d, %d]", e.name, v.Int64(), place)
	case v.Type == bsonx.TypeInt64:
		return bsonx.Int64(i), nil
	}
	return intOrLong(i), nil
}

func (e *rounding) roundDouble(f float64, place int) float64 {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return f
	case place == 0:
		return e.whole(f)
	case place > 0 && math.Abs(f) >= 1<<53:
		return f // integral
	case place > 0 && e.rounder == apd.RoundHalfEven:
		var buf [64]byte
		r, _ := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], f, 'f', place, 64)), 64)
		return r
	}
	var d apd.Decimal
	setDouble(&d, f, -1)
	exp := max(int32(-place), int32(d.NumDigits())+d.Exponent-decimalDigits)
	quantize(&d, exp, e.rounder)
	r, _ := d.Float64()
	return r
}
