package update

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// rename is one field of $rename. In the tree it is an unset at the source and a moved at
// the target.
type rename struct {
	from, to []string
	fromPath string
	toPath   string
}

// moved puts the value of a renamed field at its target.
type moved struct{ i int }

func (m moved) apply(r *run, _ *node, old bsonx.Value) (bsonx.Value, error) {
	if v := r.renamed[m.i]; !v.IsMissing() {
		return v, nil
	}
	return old, nil
}

func (m moved) missing(r *run) missingPath {
	if r.renamed[m.i].IsMissing() {
		return ignorePath
	}
	return createPath
}

func (u *Update) parseRename(path string, arg bsonx.Value) error {
	if arg.Type != bsonx.TypeString {
		return mongoerr.New(mongoerr.BadValue, "The 'to' field for $rename must be a string: %s: %s", path, bsonx.Format(arg))
	}
	to := arg.Str()
	if strings.IndexByte(to, 0) >= 0 {
		return mongoerr.New(mongoerr.BadValue, "The 'to' field for $rename cannot contain an embedded null byte")
	}
	if to == path {
		return mongoerr.New(mongoerr.BadValue, "The source and target field for $rename must differ: %s: %s", path, bsonx.Format(arg))
	}
	if strings.HasPrefix(to, path+".") || strings.HasPrefix(path, to+".") {
		return mongoerr.New(mongoerr.BadValue, "The source and target field for $rename must not be on the same path: %s: %s", path, bsonx.Format(arg))
	}
	fromParts, err := splitRename(path, "source")
	if err != nil {
		return err
	}
	toParts, err := splitRename(to, "destination")
	if err != nil {
		return err
	}
	mod := moved{len(u.renames)}
	if err := checkNewName(toParts, to, mod); err != nil {
		return err
	}
	if err := u.root.add(path, fromParts, unset{}, nil); err != nil {
		return err
	}
	if err := u.root.add(to, toParts, mod, nil); err != nil {
		return err
	}
	u.renames = append(u.renames, rename{from: fromParts, to: toParts, fromPath: path, toPath: to})
	u.note(fromParts, path)
	u.note(toParts, to)
	u.mayDeepen = true
	return nil
}

func splitRename(path, role string) ([]string, error) {
	parts, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if isPositional(p) || isArrayFilter(p) {
			return nil, mongoerr.New(mongoerr.BadValue, "The %s field for $rename may not be dynamic: %s", role, path)
		}
	}
	return parts, nil
}

// findRenamed looks up the values to move before anything changes.
func (r *run) findRenamed() error {
	r.renamed = r.renamed[:0]
	for i := range r.update.renames {
		rn := &r.update.renames[i]
		v, err := r.source(rn)
		if err != nil {
			return err
		}
		if !v.IsMissing() {
			if err := r.checkNoArray(rn.to, rn.toPath, "destination"); err != nil {
				return err
			}
		}
		r.renamed = append(r.renamed, v)
	}
	return nil
}

// source finds the value to rename, missing if there is none.
func (r *run) source(rn *rename) (bsonx.Value, error) {
	v := bsonx.Document(r.doc)
	inArray := false
	for i, p := range rn.from {
		switch {
		case v.Type == bsonx.TypeDocument:
			v = v.Doc().Lookup(p)
		case v.Type == bsonx.TypeArray && arrayIndex(p) >= 0:
			inArray = true
			v = v.Doc().Index(arrayIndex(p))
		default:
			return v, mongoerr.New(mongoerr.PathNotViable, "cannot use the part (%s of %s) to traverse the element ({%s: %s})",
				rn.from[i-1], rn.fromPath, rn.from[i-1], bsonx.Format(v))
		}
		if v.IsMissing() {
			return v, nil
		}
	}
	if inArray {
		return v, r.checkNoArray(rn.from, rn.fromPath, "source")
	}
	return v, nil
}

// checkNoArray refuses a path of $rename with an array on the way.
func (r *run) checkNoArray(parts []string, path, role string) error {
	d := r.doc
	for _, p := range parts[:len(parts)-1] {
		v := d.Lookup(p)
		if v.Type == bsonx.TypeArray {
			return mongoerr.New(mongoerr.BadValue,
				"The %s field cannot be an array element, '%s' in doc with %s has an array field called '%s'",
				role, path, r.idField(), p)
		}
		if v.Type != bsonx.TypeDocument {
			return nil
		}
		d = v.Doc()
	}
	return nil
}
