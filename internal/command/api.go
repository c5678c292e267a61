package command

import (
	"github.com/tandemdb/tandem/internal/mongoerr"
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
	g.api.Strict = g.apiStrict.Bool()
	g.api.DeprecationErrors = g.apiDeprecation.Bool()
	switch {
	case g.apiVersion.Str() != "1":
		return mongoerr.New(mongoerr.APIVersionError, "API version must be \"1\"")
	case g.api.Strict && !spec.Has(APIV1):
		return mongoerr.New(mongoerr.APIStrictError,
			"Provided apiStrict:true, but the command %s is not in API Version 1. Information on supported commands and migrations in API Version 1 can be found at https://www.mongodb.com/docs/v8.0/reference/stable-api/", spec.Name)
	case g.api.DeprecationErrors && spec.Has(Deprecated):
		return mongoerr.New(mongoerr.APIDeprecationError,
			"Provided apiDeprecationErrors:true, but the command %s is deprecated in API Version 1.", spec.Name)
	}
	return nil
}
