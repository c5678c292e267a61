package command

import (
	"context"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
)

// HandlerFunc runs one command. It appends the fields of a successful reply to c.Reply; the
// dispatcher adds ok and everything that all replies have. An error becomes the reply alone.
type HandlerFunc func(ctx context.Context, c *Call) error

// Flags say what a command is and may do. The dispatcher enforces them, so that no handler
// has to.
type Flags uint32

// The flags.
const (
	Write        Flags = 1 << iota // changes documents, the catalog or settings
	TakesConcern                   // accepts a writeConcern
	TxnAllowed                     // may be a statement of a transaction
	TxnFirst                       // may be the first one
	TxnInforms                     // is answered inside a transaction, without taking part in it
	NoAuth                         // runs before the client has authenticated
	Retryable                      // may have a txnNumber of its own
	AdminOnly                      // runs on the admin database only
	APIV1                          // belongs to the versioned API
	Lenient                        // ignores unknown fields
	OwnMaxTime                     // gives maxTimeMS a meaning of its own
	NoShutdown                     // runs while the server shuts down
	TestOnly                       // exists only with enableTestCommands
	Legacy                         // may come as an OP_QUERY
	Endless                        // holds its reply on purpose: never a slow operation
	Deprecated                     // in the versioned API
	OnCursor                       // its collection may be a command, such as $cmd.listCollections
)

// Levels is a set of read concern levels.
type Levels uint8

// The read concern levels. Local and available suit every command.
const (
	Local Levels = 1 << iota
	Available
	Majority
	Linearizable
	Snapshot

	anyLevel = Local | Available | Majority | Linearizable
	allLevel = anyLevel | Snapshot
)

// Target is what the first field of a command names.
type Target uint8

// The targets.
const (
	TargetNone       Target = iota
	TargetColl              // a collection
	TargetCollOrOne         // a collection, or 1 for the whole database
	TargetFullName          // "db.coll", whatever the database
	TargetCollection        // getMore: the field "collection"
)

// Counter is the serverStatus.opcounters entry of a command.
type Counter uint8

// The counters. Commands without one of their own count as commands.
const (
	CountCommand Counter = iota
	CountInsert
	CountQuery
	CountUpdate
	CountDelete
	CountGetMore
	counters
)

// Spec describes one command.
type Spec struct {
	Name    string
	Aliases []string
	Help    string
	Handler HandlerFunc
	Flags   Flags
	Levels  Levels // read concern levels besides local and available
	Target  Target
	Counter Counter

	// Args are the fields that the command accepts besides the generic ones. The first field,
	// named like the command, is not listed unless it has a type of its own.
	Args []Arg

	// Sequences are the fields that may come as document sequences.
	Sequences []string

	use catalog.Use // set in newTable
}

// Has reports whether all of the flags are set.
func (s *Spec) Has(f Flags) bool { return s.Flags&f == f }

// Arg is one field of a command.
type Arg struct {
	Name string
	Type ArgType
}

// ArgType is a set of BSON types, and whether the field is required.
type ArgType uint32

// The argument types.
const (
	Object ArgType = 1 << iota
	Array
	String
	Boolean
	Int
	Long
	Double
	Decimal
	BinData
	ObjectID
	Timestamp
	Date
	Null
	Other

	Required

	Number   = Int | Long | Double | Decimal
	BoolLike = Boolean | Number
	Any      = Required - 1
)

var argTypes = [...]struct {
	bit  ArgType
	name string
}{
	{Object, "object"},
	{Array, "array"},
	{String, "string"},
	{Boolean, "bool"},
	{Int, "int"},
	{Long, "long"},
	{Double, "double"},
	{Decimal, "decimal"},
	{BinData, "binData"},
	{ObjectID, "objectId"},
	{Timestamp, "timestamp"},
	{Date, "date"},
}

// typeBit returns the bit of a BSON type.
func typeBit(t bsonx.Type) ArgType {
	switch t {
	case bsonx.TypeDocument:
		return Object
	case bsonx.TypeArray:
		return Array
	case bsonx.TypeString:
		return String
	case bsonx.TypeBool:
		return Boolean
	case bsonx.TypeInt32:
		return Int
	case bsonx.TypeInt64:
		return Long
	case bsonx.TypeDouble:
		return Double
	case bsonx.TypeDecimal128:
		return Decimal
	case bsonx.TypeBinary:
		return BinData
	case bsonx.TypeObjectID:
		return ObjectID
	case bsonx.TypeTimestamp:
		return Timestamp
	case bsonx.TypeDateTime:
		return Date
	case bsonx.TypeNull, bsonx.TypeUndefined:
		return Null
	}
	return Other
}

// expected describes the set for a message.
func (t ArgType) expected() string {
	var names []string
	for _, a := range argTypes {
		if t&a.bit != 0 {
			names = append(names, a.name)
		}
	}
	if len(names) == 1 {
		return "expected type '" + names[0] + "'"
	}
	return "expected types '[" + strings.Join(names, ", ") + "]'"
}

// table finds specs by name. It is built once from the literal list.
type table map[string]*Spec

func newTable(specs []Spec) table {
	t := make(table, len(specs))
	for i := range specs {
		s := &specs[i]
		if s.Handler == nil {
			continue
		}
		s.use = useOf(s)
		t[s.Name] = s
		for _, a := range s.Aliases {
			t[a] = s
		}
	}
	return t
}

// Commands returns the specs in the order of their names.
func Commands() []Spec {
	list := slices.Clone(specs())
	slices.SortFunc(list, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	return list
}
