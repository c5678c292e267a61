package expr

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/datetime"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func (to target) toString(c *Context, v bsonx.Value) (bsonx.Value, error) {
	switch v.Type {
	case bsonx.TypeString:
		return v, nil
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return c.KeepString(strconv.AppendInt(c.Scratch(), v.Int64(), 10)), nil
	case bsonx.TypeDouble:
		return bsonx.String(formatFloat(v.Double())), nil
	case bsonx.TypeDecimal128:
		return bsonx.String(v.Decimal128().String()), nil
	case bsonx.TypeBool:
		return bsonx.String(strconv.FormatBool(v.Bool())), nil
	case bsonx.TypeObjectID:
		return bsonx.String(hex.EncodeToString(v.Bytes())), nil
	case bsonx.TypeDateTime:
		b, err := datetime.Append(c.Scratch(), datetime.ISOFormatUTC, v.DateTime(), datetime.UTC)
		return c.KeepString(b), err
	case bsonx.TypeBinary:
		return to.binaryString(v)
	}
	return v, unsupportedConversion(v.Type, to.typ)
}

func (to target) toDateTime(v bsonx.Value) (bsonx.Value, error) {
	switch v.Type {
	case bsonx.TypeString:
		ms, err := datetime.Parse(v.Str(), datetime.UTC)
		return bsonx.DateTime(ms), err
	case bsonx.TypeInt64, bsonx.TypeDouble, bsonx.TypeDecimal128:
		ms, err := target{typ: bsonx.TypeInt64}.toInteger(v)
		return bsonx.DateTime(ms.Int64()), err
	}
	if ms, ok := dateOf(v); ok {
		return bsonx.DateTime(ms), nil
	}
	return v, unsupportedConversion(v.Type, to.typ)
}

func (to target) toObjectID(v bsonx.Value) (bsonx.Value, error) {
	switch v.Type {
	case bsonx.TypeObjectID:
		return v, nil
	case bsonx.TypeString:
		s := v.Str()
		const msg = "Failed to parse objectId '%s' in $convert with no onError value: %s"
		if len(s) != 24 {
			return v, conversionFailure(msg, s, fmt.Sprintf("Invalid string length for parsing to OID, expected 24 but found %d", len(s)))
		}
		var id [12]byte
		if _, err := hex.Decode(id[:], []byte(s)); err != nil {
			return v, conversionFailure(msg, s, "Invalid character found in hex string")
		}
		return bsonx.ObjectID(id), nil
	}
	return v, unsupportedConversion(v.Type, to.typ)
}

func (to target) toBinary(v bsonx.Value) (bsonx.Value, error) {
	switch v.Type {
	case bsonx.TypeBinary:
		if subtype, _ := v.Binary(); subtype != to.subtype {
			return v, conversionFailure("Conversions between different BinData subtypes are not supported")
		}
		return v, nil
	case bsonx.TypeInt32, bsonx.TypeInt64, bsonx.TypeDouble:
		if to.byteOrder == "" {
			return v, unsupportedConversion(v.Type, to.typ)
		}
		return bsonx.Binary(to.subtype, to.numberBytes(v)), nil
	case bsonx.TypeString:
		if to.format == "" {
			return v, missingFormat(v.Type, to.typ)
		}
		b, err := to.decodeText(v.Str())
		if err != nil {
			return v, conversionFailure("Failed to parse BinData '%s' in $convert with no onError value: %s", v.Str(), err)
		}
		return bsonx.Binary(to.subtype, b), nil
	}
	return v, unsupportedConversion(v.Type, to.typ)
}

func missingFormat(from, to bsonx.Type) error {
	return mongoerr.New(4341115, "Format must be speficied when converting from '%s' to '%s'", from, to)
}

// decodeText returns the bytes that a string stands for in the format.
func (to target) decodeText(s string) ([]byte, error) {
	if (to.format == "uuid") != (to.subtype == 4) {
		return nil, fmt.Errorf("Only the 'uuid' format is allowed with the UUID subtype") //nolint:staticcheck // MongoDB's text
	}
	switch to.format {
	case "base64":
		return base64.StdEncoding.DecodeString(s)
	case "base64url":
		return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	case "hex":
		return hex.DecodeString(s)
	case "utf8":
		if !utf8.ValidString(s) {
			return nil, fmt.Errorf("Invalid UTF-8: %s", s) //nolint:staticcheck // MongoDB's text
		}
		return []byte(s), nil
	case "uuid":
		return parseUUID(s)
	}
	return nil, fmt.Errorf("Invalid format '%s'", to.format) //nolint:staticcheck // MongoDB's text
}

func parseUUID(s string) ([]byte, error) {
	invalid := fmt.Errorf("Invalid UUID string: %s", s) //nolint:staticcheck // MongoDB's text
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return nil, invalid
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		return nil, invalid
	}
	return b, nil
}

// binaryString writes a binary in the format.
func (to target) binaryString(v bsonx.Value) (bsonx.Value, error) {
	failure := func(why string) (bsonx.Value, error) {
		return v, conversionFailure("Failed to convert '%s' to string in $convert with no onError value: %s", bsonx.Format(v), why)
	}
	subtype, b := v.Binary()
	isUUID := subtype == 4 && len(b) == 16
	format := to.format
	if format == "auto" {
		format = "base64"
		if isUUID {
			format = "uuid"
		}
	}
	switch format {
	case "base64":
		return bsonx.String(base64.StdEncoding.EncodeToString(b)), nil
	case "base64url":
		return bsonx.String(base64.RawURLEncoding.EncodeToString(b)), nil
	case "hex":
		return bsonx.String(strings.ToUpper(hex.EncodeToString(b))), nil
	case "utf8":
		if !utf8.Valid(b) {
			return failure("BinData does not represent a valid UTF-8 string")
		}
		return bsonx.StringBytes(b), nil
	case "uuid":
		if !isUUID {
			return failure("BinData does not represent a valid UUID")
		}
		h := hex.EncodeToString(b)
		return bsonx.String(strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")), nil
	}
	return v, missingFormat(v.Type, to.typ)
}
