package catalog

import (
	"strings"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Limits of names, in bytes.
const (
	maxDBName    = 63
	maxNamespace = 255
)

// CheckDBName refuses what is no database name, with MongoDB's texts.
func CheckDBName(db string) error {
	switch {
	case db == "":
		return mongoerr.New(mongoerr.InvalidNamespace, "db name must not be empty")
	case len(db) > maxDBName:
		return mongoerr.New(mongoerr.InvalidNamespace, "db name must be at most %d characters, found: %d", maxDBName, len(db))
	case strings.IndexByte(db, 0) >= 0:
		return mongoerr.New(mongoerr.InvalidNamespace, "namespaces cannot have embedded null characters")
	}
	if i := strings.IndexAny(db, `/\. "$`); i >= 0 {
		return mongoerr.New(mongoerr.InvalidNamespace, "'%c' is an invalid character in a db name: %s", db[i], db)
	}
	return nil
}

// CheckNamespace refuses what is no name of a collection that a client may create, with
// MongoDB's texts.
func CheckNamespace(ns string) error {
	db, coll := SplitNS(ns)
	if err := CheckDBName(db); err != nil {
		return err
	}
	switch {
	case coll == "":
		return mongoerr.New(mongoerr.InvalidNamespace, "Invalid namespace specified '%s'", ns)
	case strings.IndexByte(coll, 0) >= 0:
		return mongoerr.New(mongoerr.InvalidNamespace, "namespaces cannot have embedded null characters")
	case coll[0] == '.':
		return mongoerr.New(mongoerr.InvalidNamespace, "Collection names cannot start with '.': %s", coll)
	case strings.IndexByte(coll, '$') >= 0:
		return mongoerr.New(mongoerr.InvalidNamespace, "Invalid collection name: %s", coll)
	case len(ns) > maxNamespace:
		return mongoerr.New(mongoerr.InvalidNamespace, "Fully qualified namespace is too long. Namespace: %s Max: %d", ns, maxNamespace)
	case strings.HasPrefix(coll, "system.") && !systemNames[coll]:
		return mongoerr.New(mongoerr.InvalidNamespace, "Invalid system namespace: %s", ns)
	}
	return nil
}

// systemNames are the collections that MongoDB lets clients create in spite of their name.
var systemNames = map[string]bool{
	"system.js":      true,
	"system.users":   true,
	"system.roles":   true,
	"system.version": true,
	"system.profile": true,
	"system.views":   true,
}

// CheckNewDB refuses a database that differs from an existing one only in case.
func (s *Snapshot) CheckNewDB(db string) error {
	for ns := range s.byNS {
		other, _ := SplitNS(ns)
		if other != db && strings.EqualFold(other, db) {
			return mongoerr.New(mongoerr.DatabaseDifferCase,
				"db already exists with different case already have: [%s] trying to create [%s]", other, db)
		}
	}
	return nil
}
