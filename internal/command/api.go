package command

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
)

// apiParams checks the versioned-API fields of a command.
func (g *generic) apiParams(spec *Spec, required bool) error {
	if g.apiVersion.IsMissing() {
		if !g.apiStrict.IsMissing() || !g.apiDeprecation.IsMissing() {
			return mongoerr.New(4886600, "Provided apiStrict and/or apiDeprecationErrors without passing apiVersion")
		}
		if required && !spec.Has(NoAuth) {
			return mongoerr.New(498870, "The apiVersion parameter is required, please configure your MongoClient's API version")
		}
		return nil
	}
	g.api.Version = "1"
	g.api.Strict = apiFlag(g.apiStrict)
	g.api.DeprecationErrors = apiFlag(g.apiDeprecation)
	switch {
	case g.apiVersion.Str() != "1":
		return mongoerr.New(mongoerr.APIVersionError, "API version must be \"1\"")
	case g.api.Strict == session.APITrue && !spec.Has(APIV1):
		return mongoerr.New(mongoerr.APIStrictError,
			"Provided apiStrict:true, but the command %s is not in API Version 1. Information on supported commands and migrations in API Version 1 can be found at https://www.mongodb.com/docs/v8.0/reference/stable-api/", spec.Name)
	case g.api.DeprecationErrors == session.APITrue && spec.Has(Deprecated):
		return mongoerr.New(mongoerr.APIDeprecationError,
			"Provided apiDeprecationErrors:true, but the command %s is deprecated in API Version 1.", spec.Name)
	}
	return nil
}

func apiFlag(v bsonx.Value) session.APIFlag {
	switch {
	case v.IsMissing():
		return session.APIAbsent
	case v.Bool():
		return session.APITrue
	}
	return session.APIFalse
}
