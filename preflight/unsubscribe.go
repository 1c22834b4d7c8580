package preflight

import (
	"context"
	"net/url"
	"regexp"
	"strings"
)

// inBrackets finds the URIs of a List-Unsubscribe field (RFC 2369 2).
var inBrackets = regexp.MustCompile(`<([^<>]*)>`)

// unsubscribeURIs returns the URIs of a List-Unsubscribe field: those over HTTPS, and the
// others.
func unsubscribeURIs(value string) (secure, others []string) {
	for _, m := range inBrackets.FindAllStringSubmatch(value, -1) {
		uri := strings.Join(strings.Fields(m[1]), "")
		u, err := url.Parse(uri)
		if err == nil && strings.EqualFold(u.Scheme, "https") && u.Host != "" {
			secure = append(secure, uri)
		} else {
			others = append(others, uri)
		}
	}
	return secure, others
}

// checkUnsubscribe looks whether recipients can unsubscribe with one click (RFC 8058).
func checkUnsubscribe(_ context.Context, r *run) []Finding {
	out := finding("bulk.unsubscribe", "")
	const (
		list = "list-unsubscribe"
		post = "list-unsubscribe-post"
	)
	fix := "Add both fields, with a URI of their own for each recipient: List-Unsubscribe: <https://" + r.domain +
		"/unsubscribe?id=...> and List-Unsubscribe-Post: List-Unsubscribe=One-Click"
	values, posts := r.sample.all(list), r.sample.all(post)
	var secure, others []string
	if len(values) == 1 {
		secure, others = unsubscribeURIs(values[0])
	}
	facts := r.signature()
	switch {
	case len(values) != 1:
		out = out.is(Fail, "the message has %d List-Unsubscribe fields: want one", len(values)).mend("%s", fix)
	case len(secure) == 0 && len(others) > 0:
		out = out.is(Fail, "List-Unsubscribe has no https URI, but %s", quote(others[0])).mend("%s", fix)
	case len(secure) == 0:
		out = out.is(Fail, "List-Unsubscribe has no URI in <>: %s", quote(values[0])).mend("%s", fix)
	case len(posts) != 1 || strings.Join(strings.Fields(posts[0]), "") != "List-Unsubscribe=One-Click":
		out = out.is(Fail, "List-Unsubscribe-Post is not there once, with List-Unsubscribe=One-Click").mend("%s", fix)
	case facts.count == 0 && r.Relay != nil || len(facts.valid) == 0 && len(facts.trouble) > 0:
		out = out.is(Unknown, "both fields are there; whether a valid signature covers them is not known").mend("Check a message as a receiver got it.")
	case !facts.covers(list, post):
		out = out.is(Fail, "no valid DKIM signature covers both fields (RFC 8058 4)").mend("Have the signer sign List-Unsubscribe and List-Unsubscribe-Post.")
	case len(secure) > 1:
		out = out.is(Warn, "List-Unsubscribe has %d https URIs: receivers may take any of them", len(secure)).mend("Leave one of them.")
	default:
		out = out.is(OK, "%s, signed", quote(secure[0]))
	}
	return []Finding{out}
}

// checkComplaints reminds of what cannot be seen from outside.
func checkComplaints(context.Context, *run) []Finding {
	return []Finding{finding("bulk.complaints", "").is(Unknown, "only receivers know how many recipients complain: Gmail wants less than 0.1 %% of the mail, and never 0.3 %%").
		mend("Look at Gmail's Postmaster Tools, take part in the feedback loops of Yahoo and Microsoft (JMRP), and remove whoever complains.")}
}
