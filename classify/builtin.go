package classify

import "slices"

// builtIn returns the built-in rules in the order in which they are asked. A
// text outranks an enhanced code, and that outranks a code, because this is the
// order in which servers bother to be exact: one 550 5.7.1 stands for a dozen
// different things.
//
// The texts are families of wording, gathered from what servers are known to
// say. Their order is by how sure a wording is. What names a limit comes first: a
// message that came too fast was not judged, whatever the code. "Try again later"
// and "policy" come last: many servers put them in front of anything.
func builtIn() []Rule {
	return slices.Concat(
		limitTexts, reasonTexts, rateTexts, addressTexts, senderTexts, contentTexts, recipientTexts, serverTexts,
		enhancedRules, codeRules,
	)
}
