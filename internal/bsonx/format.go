package bsonx

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
)

// Format renders a value as MongoDB's messages do, such as `{ a: 1, b: [ "x" ] }`.
func Format(v Value) string {
	var sb strings.Builder
	format(&sb, v)
	return sb.String()
}

// String renders the document as MongoDB's messages do.
func (d Doc) String() string { return Format(Document(d)) }

func format(sb *strings.Builder, v Value) {
	switch v.Type {
	case Missing:
		sb.WriteString("missing")
	case TypeDouble:
		sb.WriteString(FormatDouble(v.Double()))
	case TypeString, TypeSymbol, TypeJavaScript:
		sb.WriteString(quote(v.Str()))
	case TypeDocument:
		formatFields(sb, v.Doc(), "{", "}", true)
	case TypeArray:
		formatFields(sb, v.Doc(), "[", "]", false)
	case TypeBinary:
		formatBinary(sb, v)
	case TypeUndefined:
		sb.WriteString("undefined")
	case TypeObjectID:
		sb.WriteString("ObjectId('" + hex.EncodeToString(v.data) + "')")
	case TypeBool:
		sb.WriteString(strconv.FormatBool(v.Bool()))
	case TypeDateTime:
		sb.WriteString("new Date(" + strconv.FormatInt(v.DateTime(), 10) + ")")
	case TypeNull:
		sb.WriteString("null")
	case TypeRegex:
		pattern, options := v.Regex()
		sb.WriteString("/" + pattern + "/" + options)
	case TypeInt32, TypeInt64:
		sb.WriteString(strconv.FormatInt(v.Int64(), 10))
	case TypeTimestamp:
		ts := v.Timestamp()
		sb.WriteString("Timestamp(" + strconv.FormatUint(ts>>32, 10) + ", " + strconv.FormatUint(ts&math.MaxUint32, 10) + ")")
	case TypeDecimal128:
		sb.WriteString(v.Decimal128().String())
	case TypeMinKey:
		sb.WriteString("MinKey")
	case TypeMaxKey:
		sb.WriteString("MaxKey")
	case TypeDBPointer:
		ns, id := v.DBPointer()
		sb.WriteString("DBRef(" + quote(ns) + ", " + hex.EncodeToString(id[:]) + ")")
	case TypeCodeWithScope:
		code, scope := v.CodeWithScope()
		sb.WriteString("CodeWScope(" + quote(code) + ", ")
		format(sb, Document(scope))
		sb.WriteString(")")
	default:
		sb.WriteString(v.Type.String())
	}
}

func formatFields(sb *strings.Builder, d Doc, open, end string, keys bool) {
	sb.WriteString(open)
	n := 0
	for it := d.Iter(); ; n++ {
		k, v, ok := it.Next()
		if !ok {
			break
		}
		if n > 0 {
			sb.WriteByte(',')
		}
		sb.WriteByte(' ')
		if keys {
			sb.WriteString(k + ": ")
		}
		format(sb, v)
	}
	if n > 0 {
		sb.WriteByte(' ')
	}
	sb.WriteString(end)
}

func formatBinary(sb *strings.Builder, v Value) {
	subtype, b := v.Binary()
	if subtype == 4 && len(b) == 16 {
		h := hex.EncodeToString(b)
		sb.WriteString(`UUID("` + strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-") + `")`)
		return
	}
	sb.WriteString("BinData(" + strconv.Itoa(int(subtype)) + ", " + base64.StdEncoding.EncodeToString(b) + ")")
}

// FormatDouble renders a floating-point number as MongoDB does: integral ones with ".0".
func FormatDouble(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan.0"
	case math.IsInf(f, 1):
		return "inf.0"
	case math.IsInf(f, -1):
		return "-inf.0"
	}
	s := strconv.FormatFloat(f, 'g', 16, 64)
	if back, _ := strconv.ParseFloat(s, 64); back != f {
		s = strconv.FormatFloat(f, 'g', 17, 64)
	}
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// FormatDate renders milliseconds since the epoch as ISO 8601 in UTC.
func FormatDate(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s) + `"`
}
