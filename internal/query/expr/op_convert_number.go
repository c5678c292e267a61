package expr

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/bsonx"
)

func overflow(what string) error {
	return conversionFailure("Conversion would overflow target type in $convert with no onError value: %s", what)
}

func (to target) toDouble(v bsonx.Value) (bsonx.Value, error) {
	switch v.Type {
	case bsonx.TypeDouble:
		return v, nil
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return bsonx.Double(float64(v.Int64())), nil
	case bsonx.TypeDecimal128:
		f := decimalFloat(v)
		if math.IsInf(f, 0) && v.Decimal128().IsInf() == 0 {
			return v, overflow(v.Decimal128().String())
		}
		return bsonx.Double(f), nil
	case bsonx.TypeBool:
		return bsonx.Double(float64(boolInt(v))), nil
	case bsonx.TypeDateTime:
		return bsonx.Double(float64(v.DateTime())), nil
	case bsonx.TypeString:
		f, err := parseDouble(v.Str())
		return bsonx.Double(f), err
	case bsonx.TypeBinary:
		return to.binaryDouble(v)
	}
	return v, unsupportedConversion(v.Type, to.typ)
}

func boolInt(v bsonx.Value) int64 {
	if v.Bool() {
		return 1
	}
	return 0
}

func parseDouble(s string) (float64, error) {
	if err := checkHex(s); err != nil {
		return 0, err
	}
	if s == "" {
		return 0, badNumber(s, "Empty string")
	}
	if strings.ContainsAny(s, "xX_") {
		return 0, badNumber(s, "Did not consume whole string.")
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, badNumber(s, "Out of range")
	case err != nil:
		return 0, badNumber(s, "Did not consume whole string.")
	}
	return f, nil
}

// toInteger converts to int32 or int64, without a fraction.
func (to target) toInteger(v bsonx.Value) (bsonx.Value, error) {
	var i int64
	var err error
	switch v.Type {
	case bsonx.TypeInt32:
		i = v.Int64()
	case bsonx.TypeInt64:
		if i = v.Int64(); !to.fits(i) {
			return v, overflow("")
		}
	case bsonx.TypeDouble:
		i, err = to.integerOfDouble(v.Double())
	case bsonx.TypeDecimal128:
		i, err = to.integerOfDecimal(v)
	case bsonx.TypeBool:
		i = boolInt(v)
	case bsonx.TypeString:
		i, err = to.parseInteger(v.Str())
	case bsonx.TypeBinary:
		i, err = to.binaryInteger(v)
	case bsonx.TypeDateTime:
		if to.typ == bsonx.TypeInt32 {
			return v, unsupportedConversion(v.Type, to.typ)
		}
		i = v.DateTime()
	default:
		return v, unsupportedConversion(v.Type, to.typ)
	}
	if err != nil {
		return v, err
	}
	if to.typ == bsonx.TypeInt32 {
		return bsonx.Int32(int32(i)), nil
	}
	return bsonx.Int64(i), nil
}

func (to target) fits(i int64) bool { return to.typ == bsonx.TypeInt64 || i == int64(int32(i)) }

func (to target) integerOfDouble(f float64) (int64, error) {
	switch {
	case math.IsNaN(f):
		return 0, conversionFailure("Attempt to convert NaN value to integer type in $convert with no onError value")
	case math.IsInf(f, 0):
		return 0, conversionFailure("Attempt to convert infinity value to integer type in $convert with no onError value")
	case to.typ == bsonx.TypeInt32 && (f < math.MinInt32 || f > math.MaxInt32), f < -1<<63 || f >= 1<<63:
		return 0, overflow(formatFloat(f))
	}
	return int64(f), nil
}

func (to target) integerOfDecimal(v bsonx.Value) (int64, error) {
	d := v.Decimal128()
	if d.IsNaN() || d.IsInf() != 0 {
		return to.integerOfDouble(decimalFloat(v))
	}
	i, ok := decimalInt64(v, apd.RoundDown)
	if !ok || !to.fits(i) {
		return 0, overflow(d.String())
	}
	return i, nil
}

func (to target) parseInteger(s string) (int64, error) {
	if err := checkHex(s); err != nil {
		return 0, err
	}
	i, err := strconv.ParseInt(s, 10, 64)
	switch {
	case s == "":
		return 0, badNumber(s, "No digits")
	case errors.Is(err, strconv.ErrRange) || err == nil && !to.fits(i):
		return 0, badNumber(s, "Overflow")
	case err != nil:
		return 0, badNumber(s, "Did not consume whole string.")
	}
	return i, nil
}

func (to target) toDecimal(v bsonx.Value) (bsonx.Value, error) {
	switch v.Type {
	case bsonx.TypeDecimal128:
		return v, nil
	case bsonx.TypeBool:
		return decimalValue(apd.New(boolInt(v), 0)), nil
	case bsonx.TypeDateTime:
		return decimalValue(apd.New(v.DateTime(), 0)), nil
	case bsonx.TypeInt32, bsonx.TypeInt64, bsonx.TypeDouble:
		var d apd.Decimal
		setDecimal(&d, v)
		return decimalValue(&d), nil
	case bsonx.TypeString:
		return parseDecimal(v.Str())
	}
	return v, unsupportedConversion(v.Type, to.typ)
}

func parseDecimal(s string) (bsonx.Value, error) {
	if err := checkHex(s); err != nil {
		return bsonx.Value{}, err
	}
	if d, err := bson.ParseDecimal128(s); err == nil {
		return bsonx.Decimal128(d), nil
	}
	var d apd.Decimal
	if _, _, err := d.SetString(s); err != nil || s == "" || d.Form == apd.NaNSignaling {
		return bsonx.Value{}, badNumber(s, "Failed to parse string to decimal")
	}
	return decimalValue(&d), nil
}

// Numbers are converted from and to binaries only where a byte order is given.

// order returns the byte order of numbers in binaries.
func (to target) order() binary.ByteOrder {
	if to.byteOrder == "big" {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func badLength(v bsonx.Value) error {
	return conversionFailure("Failed to convert '%s' to number in $convert because of invalid length: %d", bsonx.Format(v), len(v.Bytes()))
}

func (to target) binaryInteger(v bsonx.Value) (int64, error) {
	b := v.Bytes()
	switch {
	case to.byteOrder == "":
		return 0, unsupportedConversion(v.Type, to.typ)
	case len(b) == 1:
		return int64(int8(b[0])), nil
	case len(b) == 2:
		return int64(int16(to.order().Uint16(b))), nil
	case len(b) == 4:
		return int64(int32(to.order().Uint32(b))), nil
	case len(b) == 8 && to.typ == bsonx.TypeInt64:
		return int64(to.order().Uint64(b)), nil
	}
	return 0, badLength(v)
}

func (to target) binaryDouble(v bsonx.Value) (bsonx.Value, error) {
	if to.byteOrder == "" {
		return v, unsupportedConversion(v.Type, to.typ)
	}
	b := v.Bytes()
	switch len(b) {
	case 4:
		return bsonx.Double(float64(math.Float32frombits(to.order().Uint32(b)))), nil
	case 8:
		return bsonx.Double(math.Float64frombits(to.order().Uint64(b))), nil
	}
	return v, badLength(v)
}

// numberBytes returns a number as it stands in a binary.
func (to target) numberBytes(v bsonx.Value) []byte {
	b := make([]byte, 8)
	switch v.Type {
	case bsonx.TypeInt32:
		b = b[:4]
		to.order().PutUint32(b, uint32(v.Int32()))
	case bsonx.TypeInt64:
		to.order().PutUint64(b, uint64(v.Int64()))
	default:
		to.order().PutUint64(b, math.Float64bits(v.Double()))
	}
	return b
}
