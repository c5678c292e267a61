package odm

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// jsonTime is how JavaScript writes times.
const jsonTime = "2006-01-02T15:04:05.000Z07:00"

// appendJSON writes a value as web applications do: ids and times are text, decimals keep
// their digits.
func appendJSON(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case bson.D:
		return appendJSONObject(dst, v)
	case bson.A:
		var err error
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendJSON(dst, e); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case bson.ObjectID:
		return appendJSON(dst, v.Hex())
	case bson.DateTime:
		return appendJSON(dst, v.Time())
	case time.Time:
		return appendJSON(dst, v.UTC().Format(jsonTime))
	case bson.Decimal128:
		return appendJSONObject(dst, bson.D{{Key: "$numberDecimal", Value: v.String()}})
	case bson.Binary:
		if v.Subtype == bson.TypeBinaryUUID && len(v.Data) == 16 {
			return appendJSON(dst, uuidText(v.Data))
		}
		return appendJSON(dst, base64.StdEncoding.EncodeToString(v.Data))
	case bson.Regex:
		return appendJSON(dst, "/"+v.Pattern+"/"+v.Options)
	case bson.Null, bson.Undefined:
		return append(dst, "null"...), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(dst, "null"...), nil
		}
	}
	text, err := json.Marshal(v)
	return append(dst, text...), err
}

func appendJSONObject(dst []byte, d bson.D) ([]byte, error) {
	dst = append(dst, '{')
	for i, e := range d {
		if i > 0 {
			dst = append(dst, ',')
		}
		key, err := json.Marshal(e.Key)
		if err != nil {
			return nil, err
		}
		dst = append(append(dst, key...), ':')
		if dst, err = appendJSON(dst, e.Value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// uuidText writes a UUID with its dashes.
func uuidText(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}
