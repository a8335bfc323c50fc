package manual

var SourceOf = sourceOf
