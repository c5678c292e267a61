package expr

import (
	"bytes"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// searchOperands evaluates the first two operands of $indexOfBytes and $indexOfCP. A null
// string makes the result null.
func searchOperands(c *Context, op string, code mongoerr.Code, args []Expr) (s, token []byte, null bool, err error) {
	v, err := args[0].Eval(c)
	switch {
	case err != nil:
		return nil, nil, false, err
	case v.IsNullish():
		return nil, nil, true, nil
	case v.Type != bsonx.TypeString:
		return nil, nil, false, mongoerr.New(code, "%s requires a string as the first argument, found: %s", op, v.Type)
	}
	t, err := args[1].Eval(c)
	switch {
	case err != nil:
		return nil, nil, false, err
	case t.Type != bsonx.TypeString:
		return nil, nil, false, mongoerr.New(code+1, "%s requires a string as the second argument, found: %s", op, t.Type)
	}
	return v.Bytes(), t.Bytes(), false, nil
}

func indexOfBytes(c *Context, args []Expr) (bsonx.Value, error) {
	s, token, null, err := searchOperands(c, "$indexOfBytes", 40091, args)
	if err != nil || null {
		return bsonx.Null, err
	}
	start, end, err := searchBounds(c, "$indexOfBytes", args, len(s))
	if err != nil {
		return bsonx.Null, err
	}
	if start > end {
		return bsonx.Int32(-1), nil
	}
	i := bytes.Index(s[start:end], token)
	if i >= 0 {
		i += start
	}
	return bsonx.Int32(int32(i)), nil
}

// indexOfCP finds a token that begins, in code points, from start up to, without, end.
func indexOfCP(c *Context, args []Expr) (bsonx.Value, error) {
	s, token, null, err := searchOperands(c, "$indexOfCP", 40093, args)
	if err != nil || null {
		return bsonx.Null, err
	}
	start, end, err := searchBounds(c, "$indexOfCP", args, countCodePoints(s))
	if err != nil {
		return bsonx.Null, err
	}
	if len(s) == 0 && len(token) == 0 && start <= end {
		return bsonx.Int32(0), nil
	}
	pos := 0
	for i := 0; pos < len(s) && i < end; i++ {
		if isContinuation(s[pos]) {
			return bsonx.Null, mongoerr.New(40095, "$indexOfCP found bad UTF-8 in the input")
		}
		if i >= start && bytes.HasPrefix(s[pos:], token) {
			return bsonx.Int32(int32(i)), nil
		}
		pos += codePointLength(s[pos])
	}
	return bsonx.Int32(-1), nil
}

// substrBytes is $substrBytes and its old name $substr. A negative length means the rest.
func substrBytes(_ *Context, args []bsonx.Value) (bsonx.Value, error) {
	s, err := toText(args[0])
	if err != nil {
		return args[0], err
	}
	if !args[1].IsNumber() {
		return args[1], mongoerr.New(16034, "$substrBytes:  starting index must be a numeric type (is BSON type %s)", args[1].Type)
	}
	if !args[2].IsNumber() {
		return args[2], mongoerr.New(16035, "$substrBytes:  length must be a numeric type (is BSON type %s)", args[2].Type)
	}
	start, length := truncated(args[1]), truncated(args[2])
	if start < 0 {
		return args[1], mongoerr.New(50752, "$substrBytes:  starting index must be non-negative (got: %d)", start)
	}
	if start >= int64(len(s)) {
		return bsonx.String(""), nil
	}
	if isContinuation(s[start]) {
		return args[1], mongoerr.New(28656, "$substrBytes:  Invalid range, starting index is a UTF-8 continuation byte.")
	}
	rest := s[start:]
	if length < 0 || length >= int64(len(rest)) {
		return bsonx.StringBytes(rest), nil
	}
	if isContinuation(rest[length]) {
		return args[2], mongoerr.New(28657, "$substrBytes:  Invalid range, ending index is in the middle of a UTF-8 character.")
	}
	return bsonx.StringBytes(rest[:length]), nil
}

// truncated is a number without its fraction, kept within 64 bits.
func truncated(v bsonx.Value) int64 {
	if v.Type == bsonx.TypeInt32 || v.Type == bsonx.TypeInt64 {
		return v.Int64()
	}
	if v.Type == bsonx.TypeDouble && v.Double() >= 1<<63 {
		return 1<<63 - 1
	}
	return hashedNumber(v)
}

func substrCP(_ *Context, args []bsonx.Value) (bsonx.Value, error) {
	s, err := toText(args[0])
	if err != nil {
		return args[0], err
	}
	start, err := substrBound(args[1], 34450, "starting index")
	if err != nil {
		return args[1], err
	}
	length, err := substrBound(args[2], 34452, "length")
	switch {
	case err != nil:
		return args[2], err
	case length < 0:
		return args[2], mongoerr.New(34454, "$substrCP: length must be a nonnegative integer.")
	case start < 0:
		return args[1], mongoerr.New(34455, "$substrCP: the starting index must be nonnegative integer.")
	}
	rest, err := skipCodePoints(s, start)
	if err != nil {
		return args[0], err
	}
	after, err := skipCodePoints(rest, length)
	if err != nil {
		return args[0], err
	}
	return bsonx.StringBytes(rest[:len(rest)-len(after)]), nil
}

func substrBound(v bsonx.Value, code mongoerr.Code, what string) (int, error) {
	if !v.IsNumber() {
		return 0, mongoerr.New(code, "$substrCP: %s must be a numeric type (is BSON type %s)", what, v.Type)
	}
	i, ok := smallInteger(v)
	if !ok {
		return 0, mongoerr.New(code+1, "$substrCP: %s cannot be represented as a 32-bit integral value: %s", what, bsonx.Format(v))
	}
	return i, nil
}

// skipCodePoints returns what follows up to n code points.
func skipCodePoints(s []byte, n int) ([]byte, error) {
	for ; n > 0 && len(s) > 0; n-- {
		size := codePointLength(s[0])
		if isContinuation(s[0]) || size > 4 {
			return nil, mongoerr.New(34456, "$substrCP: invalid UTF-8 string")
		}
		s = s[min(size, len(s)):]
	}
	return s, nil
}
