package bsonx

import "fmt"

// Type is a BSON type code. The zero Type, Missing, is the type of an absent value.
type Type byte

// The BSON types.
const (
	Missing           Type = 0x00
	TypeDouble        Type = 0x01
	TypeString        Type = 0x02
	TypeDocument      Type = 0x03
	TypeArray         Type = 0x04
	TypeBinary        Type = 0x05
	TypeUndefined     Type = 0x06
	TypeObjectID      Type = 0x07
	TypeBool          Type = 0x08
	TypeDateTime      Type = 0x09
	TypeNull          Type = 0x0a
	TypeRegex         Type = 0x0b
	TypeDBPointer     Type = 0x0c
	TypeJavaScript    Type = 0x0d
	TypeSymbol        Type = 0x0e
	TypeCodeWithScope Type = 0x0f
	TypeInt32         Type = 0x10
	TypeTimestamp     Type = 0x11
	TypeInt64         Type = 0x12
	TypeDecimal128    Type = 0x13
	TypeMaxKey        Type = 0x7f
	TypeMinKey        Type = 0xff
)

// typeNames are the aliases of the $type operator.
var typeNames = map[Type]string{
	Missing:           "missing",
	TypeDouble:        "double",
	TypeString:        "string",
	TypeDocument:      "object",
	TypeArray:         "array",
	TypeBinary:        "binData",
	TypeUndefined:     "undefined",
	TypeObjectID:      "objectId",
	TypeBool:          "bool",
	TypeDateTime:      "date",
	TypeNull:          "null",
	TypeRegex:         "regex",
	TypeDBPointer:     "dbPointer",
	TypeJavaScript:    "javascript",
	TypeSymbol:        "symbol",
	TypeCodeWithScope: "javascriptWithScope",
	TypeInt32:         "int",
	TypeTimestamp:     "timestamp",
	TypeInt64:         "long",
	TypeDecimal128:    "decimal",
	TypeMaxKey:        "maxKey",
	TypeMinKey:        "minKey",
}

// String returns the alias that the $type operator and MongoDB's messages use, such
// as "binData".
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type(0x%02x)", byte(t))
}

// TypeByAlias returns the type whose String is alias.
func TypeByAlias(alias string) (Type, bool) {
	for t, s := range typeNames {
		if s == alias && t != Missing {
			return t, true
		}
	}
	return Missing, false
}

// TypeByCode returns the type that the $type operator names by number: the BSON code, or
// -1 for minKey.
func TypeByCode(code int64) (Type, bool) {
	if code == -1 {
		return TypeMinKey, true
	}
	if code <= 0 || code > 127 {
		return Missing, false
	}
	_, ok := typeNames[Type(code)]
	return Type(code), ok
}

// IsNumber reports whether values of the type are compared by numeric value.
func (t Type) IsNumber() bool {
	return t == TypeInt32 || t == TypeInt64 || t == TypeDouble || t == TypeDecimal128
}

// Class is the canonical sort class of a type: values of different classes are
// ordered by class alone.
type Class uint8

// The sort classes in ascending order, with MongoDB's numbers shifted by one so that
// MinKey is lowest.
const (
	ClassMinKey        Class = 0
	ClassMissing       Class = 1 // missing and undefined
	ClassNull          Class = 5
	ClassNumber        Class = 10
	ClassString        Class = 15
	ClassDocument      Class = 20
	ClassArray         Class = 25
	ClassBinary        Class = 30
	ClassObjectID      Class = 35
	ClassBool          Class = 40
	ClassDateTime      Class = 45
	ClassTimestamp     Class = 47
	ClassRegex         Class = 50
	ClassDBPointer     Class = 55
	ClassJavaScript    Class = 60
	ClassCodeWithScope Class = 65
	ClassMaxKey        Class = 127
)

var classes = [256]Class{
	Missing:           ClassMissing,
	TypeUndefined:     ClassMissing,
	TypeNull:          ClassNull,
	TypeDouble:        ClassNumber,
	TypeInt32:         ClassNumber,
	TypeInt64:         ClassNumber,
	TypeDecimal128:    ClassNumber,
	TypeString:        ClassString,
	TypeSymbol:        ClassString,
	TypeDocument:      ClassDocument,
	TypeArray:         ClassArray,
	TypeBinary:        ClassBinary,
	TypeObjectID:      ClassObjectID,
	TypeBool:          ClassBool,
	TypeDateTime:      ClassDateTime,
	TypeTimestamp:     ClassTimestamp,
	TypeRegex:         ClassRegex,
	TypeDBPointer:     ClassDBPointer,
	TypeJavaScript:    ClassJavaScript,
	TypeCodeWithScope: ClassCodeWithScope,
	TypeMaxKey:        ClassMaxKey,
	TypeMinKey:        ClassMinKey,
}

// Class returns the sort class of the type.
func (t Type) Class() Class { return classes[t] }
