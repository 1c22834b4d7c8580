// Package profile holds known facts about receivers, as data: their MX hosts and
// domains, the limits that they publish or that others keep to, the meaning of their
// own replies, and their addresses for help.
//
// [Default] is the set that comes with the module. [Parse] reads a file of the
// same format, [ParseShaping] the part of KumoMTA's shaping.toml that has a
// meaning here, and [Set.With] puts the user's own in front:
//
//	own, err := profile.Parse(file, "own.toml")
//	set := profile.Default().With(own)
//	classifier, err := classify.New(set.Rules()...)
//
// A profile sets ceilings. The user's limits of a destination override them field
// by field, see [Merge].
//
// # The format
//
// A file is TOML, of up to 1 MiB. It has any number of profiles, and rules that
// hold for every receiver. Only the name is needed:
//
//	[[profile]]
//	name = "example"                     # lower-case letters, digits, "-" and "."
//	domains = ["example.net", "*.example.net"] # of recipients; "*" is any
//	mx = ["*.mail.example.net"]          # host names of its servers
//	relays = ["smtp.*.example.net"]      # or: of servers that customers log in to
//	help = ["https://postmaster.example.net"]
//	forms = ["https://postmaster.example.net/unblock"] # by which a sender asks
//	contacts = ["postmaster@example.net"] # that answer senders
//
//	[[profile.figure]]                   # as many as there are sources
//	limits = "connections:5,rate:10/s"   # as throttle.ParseLimits reads it
//	note = "per sending address"         # further facts
//	customary = true                     # a rule of thumb, not the receiver's word
//	source = "https://postmaster.example.net/limits"
//	date = "2026-11-23"                  # that of the source; none when it has none
//
//	[[profile.rule]]                     # [[rule]] for any receiver
//	name = "example-slow-down"           # the fields of classify.Rule
//	codes = [421]
//	contains = ["slow down"]
//	class = "rate-limited"
//	limit = "message-rate"
//	retry_after = "10m"
//	matches = ["421 4.7.0 slow down, please"]
//	rejects = ["421 4.7.0 closing down"]
//
// A rule may also have stages, enhanced, pattern, scope and later. What is
// misspelt, or not of the right kind, is an error that names the line.
package profile
