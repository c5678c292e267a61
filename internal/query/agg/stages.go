package agg

import "github.com/tandemdb/tandem/internal/mongoerr"

// stages is the table of stages by name.
var stages map[string]stageSpec

// init indexes the table. Rows refer to Parse through sub-pipelines, so a variable cannot
// hold them.
func init() {
	stages = make(map[string]stageSpec)
	for _, s := range stageTable() {
		stages[s.name] = s
	}
}

const reports = first | noFacet | noTxn

func stageTable() []stageSpec {
	return []stageSpec{
		{name: "$_internalInhibitOptimization", parse: simple(parseInhibit)},
		{name: "$addFields", flags: inUpdate, parse: parseAddFields},
		{name: "$bucket", parse: parseBucket},
		{name: "$bucketAuto", parse: simple(parseBucketAuto)},
		refused("$changeStream", reports),
		special("$collStats", reports, 40166),
		{name: "$count", parse: simple(parseCountStage)},
		special("$currentOp", reports|collectionless, mongoerr.FailedToParse),
		{name: "$densify", parse: parseDensify},
		{name: "$documents", flags: first | noFacet | collectionless, parse: simple(parseDocuments)},
		{name: "$facet", flags: noFacet, parse: simple(parseFacet)},
		{name: "$fill", parse: parseFill},
		refused("$geoNear", first|noFacet),
		{name: "$graphLookup", parse: simple(parseGraphLookup)},
		{name: "$group", parse: simple(parseGroup)},
		special("$indexStats", reports, 28803),
		{name: "$limit", parse: simple(parseLimit)},
		special("$listLocalSessions", reports|collectionless, mongoerr.TypeMismatch),
		special("$listSearchIndexes", reports, mongoerr.TypeMismatch),
		special("$listSessions", reports, mongoerr.TypeMismatch),
		{name: "$lookup", parse: simple(parseLookup)},
		{name: "$match", parse: simple(parseMatch)},
		writeStage("$merge", parseMerge),
		writeStage("$out", parseOut),
		special("$planCacheStats", reports, mongoerr.FailedToParse),
		{name: "$project", flags: inUpdate, parse: simple(parseProject)},
		{name: "$redact", parse: simple(parseRedact)},
		{name: "$replaceRoot", flags: inUpdate, parse: simple(parseReplaceRoot)},
		{name: "$replaceWith", flags: inUpdate, parse: simple(parseReplaceWith)},
		{name: "$sample", parse: simple(parseSample)},
		{name: "$set", flags: inUpdate, parse: parseAddFields},
		{name: "$setWindowFields", parse: simple(parseSetWindowFields)},
		{name: "$skip", parse: simple(parseSkip)},
		{name: "$sort", parse: simple(parseSort)},
		{name: "$sortByCount", parse: parseSortByCount},
		{name: "$unionWith", parse: simple(parseUnionWith)},
		{name: "$unset", flags: inUpdate, parse: simple(parseUnset)},
		{name: "$unwind", parse: simple(parseUnwind)},
	}
}
