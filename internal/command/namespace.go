package command

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Limits of names, in bytes.
const (
	maxDBName    = 63
	maxNamespace = 255
)

// checkDB reports what is wrong with a database name.
func checkDB(db string) error {
	switch {
	case db == "":
		return mongoerr.New(mongoerr.InvalidNamespace, "Invalid namespace specified '%s'", db)
	case len(db) > maxDBName:
		return mongoerr.New(mongoerr.InvalidNamespace, "db name must be at most %d characters, found: %d", maxDBName, len(db))
	case db == "$external":
		return nil
	}
	if i := strings.IndexAny(db, "/\\. \"$\x00"); i >= 0 {
		if db[i] == 0 {
			return mongoerr.New(mongoerr.InvalidNamespace, "namespaces cannot have embedded null characters")
		}
		return mongoerr.New(mongoerr.InvalidNamespace, "'%c' is an invalid character in a db name: %s", db[i], db)
	}
	return nil
}

// checkColl reports what is wrong with a collection name. oplog.$main is not special any
// more.
func checkColl(db, coll string) error {
	switch {
	case coll == "":
		return mongoerr.New(mongoerr.InvalidNamespace, "Invalid namespace specified '%s.'", db)
	case coll[0] == '.':
		return mongoerr.New(mongoerr.InvalidNamespace, "Collection names cannot start with '.': %s", coll)
	case strings.IndexByte(coll, 0) >= 0:
		return mongoerr.New(mongoerr.InvalidNamespace, "namespaces cannot have embedded null characters")
	case strings.IndexByte(coll, '$') >= 0:
		return mongoerr.New(mongoerr.InvalidNamespace, "Invalid collection name: %s", coll)
	case len(db)+1+len(coll) > maxNamespace:
		return mongoerr.New(mongoerr.InvalidNamespace, "Fully qualified namespace is too long. Namespace: %s.%s Max: %d", db, coll, maxNamespace)
	}
	return nil
}

// CheckNamespace reports what is wrong with "db.coll".
func CheckNamespace(ns string) error {
	db, coll, ok := strings.Cut(ns, ".")
	if !ok {
		return mongoerr.New(mongoerr.InvalidNamespace, "Invalid namespace specified '%s'", ns)
	}
	if err := checkDB(db); err != nil {
		return err
	}
	return checkColl(db, coll)
}

// target finds what the command works on. The names are checked later.
func (c *Call) target(first bsonx.Value) error {
	v := first
	switch c.Spec.Target {
	case TargetNone:
		return nil
	case TargetFullName:
		if v.Type != bsonx.TypeString {
			return wrongType(c.Spec.Name+"."+c.Spec.Name, v.Type, String)
		}
		c.ns = strings.Clone(v.Str())
		return nil
	case TargetCollOrOne:
		if n, ok := integer(v); ok {
			if n != 1 {
				return mongoerr.New(mongoerr.FailedToParse, "Invalid command format: the '%s' field must specify a collection name or 1", c.Spec.Name)
			}
			n := len(c.DB)
			c.ns = c.DB + ".$cmd." + c.Spec.Name
			c.DB = c.ns[:n]
			return nil
		}
	case TargetCollection:
		v = c.Body.Lookup("collection")
		if v.Type != bsonx.TypeString {
			return nil // the argument check has reported it
		}
	case TargetColl:
	}
	if sub, b := v.Binary(); v.Type == bsonx.TypeBinary && sub == 4 {
		return c.targetUUID(b)
	}
	if v.Type != bsonx.TypeString {
		return mongoerr.New(mongoerr.InvalidNamespace, "collection name has invalid type %s", v.Type)
	}
	// The names outlive the request, in cursors and locks: from here on they are parts of one
	// string of their own.
	n := len(c.DB)
	c.ns = c.DB + "." + v.Str()
	c.DB, c.coll = c.ns[:n], c.ns[n+1:]
	return nil
}

// targetUUID finds a collection by its UUID, as mongodump names it.
func (c *Call) targetUUID(uuid []byte) error {
	for _, coll := range c.Service.store.Catalog.Current().Database(c.DB) {
		if string(coll.UUID[:]) == string(uuid) {
			c.coll, c.ns = coll.Name(), coll.NS
			return nil
		}
	}
	return mongoerr.New(mongoerr.NamespaceNotFound, "Unable to resolve UUID to a collection of database %s", c.DB)
}

// checkTarget checks the names of database and collection.
func (c *Call) checkTarget() error {
	if err := checkDB(c.DB); err != nil {
		return err
	}
	if c.coll == "" {
		switch c.Spec.Target {
		case TargetFullName:
			return CheckNamespace(c.ns)
		case TargetColl:
			return checkColl(c.DB, "")
		}
		if c.Spec.Target == TargetCollOrOne && strings.HasSuffix(c.ns, ".") {
			return checkColl(c.DB, "")
		}
		return nil
	}
	if c.Spec.Has(OnCursor) && strings.HasPrefix(c.coll, "$cmd.") {
		return nil // the cursor of a command
	}
	return checkColl(c.DB, c.coll)
}
