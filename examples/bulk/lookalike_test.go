package main

import (
	"strings"
	"testing"
)

// What looks like a placeholder and is none never reaches a recipient.
func TestLookalikes(t *testing.T) {
	const text, markup = "Content-Type: text/plain; charset=utf-8\n\n", "Content-Type: text/html; charset=utf-8\n\n"
	for name, c := range map[string]struct{ raw, want string }{
		"no dot":                       {text + "Hi {{name}}", "{{name}} is no placeholder: write {{.name}}"},
		"no dot, spaces":               {text + "Hi {{ Name }}", "{{ Name }} is no placeholder: write {{.Name}}"},
		"dash":                         {text + "Hi {{- .name}}", "{{- .name}} is no placeholder"},
		"block":                        {text + "Hi {{#if name}}x{{/if}}", "{{#if name}} is no placeholder"},
		"no end":                       {text + "Hi {{.name}, x", "{{.name}, x is no placeholder: write {{.name}}"},
		"no brace at all":              {text + "Hi {{.name, x", "has no end"},
		"one brace":                    {text + "Hi {.name}", "{.name} is no placeholder: write {{.name}}"},
		"one brace, no dot":            {text + "Hi {name}", "{name} is no placeholder: write {{.name}}"},
		"one brace in front":           {text + "Hi {.name}}", "{.name}} is no placeholder"},
		"three braces":                 {text + "Hi {{{.name}}}!", "{{{.name}}} has a brace too many"},
		"three at the end":             {"Subject: Hi {{.name}}}\n\n", "Subject: {{.name}}} has a brace too many"},
		"three, in pieces":             {markup + "Hi &#123;<b>{{.name}}</b>", "a brace too many"},
		"dollar in braces":             {text + "Hi {$name}", "{$name} is no placeholder: write {{.name}}"},
		"object in front":              {text + "Hi {contact.name}", "{contact.name} is no placeholder: write {{.name}}"},
		"object, two braces":           {text + "Hi {{contact.name}}", "{{contact.name}} is no placeholder: write {{.name}}"},
		"recipient":                    {text + "Hi %recipient.name%", "%recipient.name% is no placeholder"},
		"double hashes":                {text + "Hi ##NAME##", "##NAME## is no placeholder"},
		"at signs":                     {text + "Hi @@name@@", "@@name@@ is no placeholder"},
		"brackets with a dot":          {text + "Hi [[.name]]", "[[.name]] is no placeholder"},
		"in Message-ID":                {"Message-ID: <{{.token}}@x.example>\n\n", "m.eml:2: Message-ID: a placeholder where none can be filled in"},
		"in Date":                      {"Date: {{date}}\n\n", "m.eml:2: Date: a placeholder where none can be filled in"},
		"in Bcc":                       {"Bcc: {{.email}}\n\n", "m.eml:2: Bcc: a placeholder where none can be filled in"},
		"in List-Help, bare":           {"List-Help: https://x.example/?t={{.token}}\n\n", "List-Help: a link needs angle brackets: List-Help: <https://x.example/?t={{.token}}>"},
		"in a fixed list field":        {"List-Unsubscribe-Post: {{.token}}\n\n", "m.eml:2: List-Unsubscribe-Post: a placeholder where none can be filled in"},
		"in a calendar":                {"Content-Type: text/calendar\n\nSUMMARY:{{.name}}\n", "m.eml:4: {{.name}}: a placeholder in a text/calendar part"},
		"in a type unheard of":         {"Content-Type: html\n\n{{.name}}\n", "{{.name}}: a placeholder in a html part"},
		"in a multipart without parts": {"Content-Type: multipart/mixed\n\n{{.name}}\n", "a placeholder in a multipart/mixed part"},
		"nested, closed too often":     {text + `{"a":{"b":1}}}} x`, "is no placeholder"},
		"pair, one brace in front":     {text + "Hi {name:x}}", "is no placeholder"},
		"apart, another name":          {text + "Hi { {.nmae}}", "is no placeholder"},
		"apart":                        {text + "Hi { {.name}}", "is no placeholder"},
		"wide braces":                  {text + "Hi ｛｛.name｝｝", "{{.name}} is no placeholder"},
		"percent":                      {markup + `<a href="https://x.example/?t=%7B%7B.token%7D%7D">x</a>`, "{{.token}} is no placeholder"},
		"percent, lower case":          {text + "https://x.example/?t=%7b%7b.token%7d%7d", "{{.token}} is no placeholder"},
		"percent, twice":               {markup + `<a href="https://x.example/r?u=https%3A%2F%2Fy.example%2F%3Ft%3D%257B%257B.token%257d%257d">x</a>`, "{{.token}} is no placeholder"},
		"percent, in part":             {text + "https://x.example/?t={%7B.token%7D}", "{{.token}} is no placeholder"},
		"entity":                       {markup + "Hi &#123;&#123;.token}}", "{{.token}} is no placeholder"},
		"entity in hex":                {markup + "Hi &#x7B;&#x7b;.token&#x7d;&#x7D;", "{{.token}} is no placeholder"},
		"named entity":                 {markup + "Hi &lcub;&lcub;.token&rcub;&rcub;", "{{.token}} is no placeholder"},
		"blank within":                 {markup + "Hi {{&nbsp;.token}}", "is no placeholder"},
		"blank in the name":            {markup + "Hi {{.na&nbsp;me}}", "unknown name"},
		"tag within":                   {markup + "Hi {{<b>.token</b>}}", "is no placeholder: write {{.token}}"},
		"tag between":                  {markup + "Hi {<b>{.token}</b>}", "is no placeholder"},
		"tag in the name":              {markup + "Hi {{.to<span>ken</span>}}", "unknown name"},
		"soft hyphen between":          {text + "Hi {\u00ad{name}}", "{{name}} is no placeholder"},
		"in base64":                    {"Content-Transfer-Encoding: base64\n\nSGkge3tuYW1lfX0=", "{{name}} is no placeholder"},
		"in quoted-printable":          {"Content-Transfer-Encoding: quoted-printable\n\nHi {=\n{name}}", "{{name}} is no placeholder"},
		"in a Subject":                 {"Subject: Hi {{name}}\n\n", "m.eml:2: Subject: {{name}} is no placeholder"},
		"in an encoded word":           {"Subject: =?utf-8?q?{{name}}?=\n\n", "Subject: {{name}} is no placeholder"},
		"in List-Unsubscribe":          {"List-Unsubscribe: <https://x.example/?t=%7B%7B.token%7D%7D>\n\n", "List-Unsubscribe: {{.token}} is no placeholder"},
		"in To":                        {"To: {{name}} <{{.email}}>\n\n", "To: {{name}} is no placeholder"},
		"in a style":                   {markup + "<style>{{color}}</style>", "{{color}} is no placeholder"},
		"merge tag":                    {text + "Hi *|NAME|*", "*|NAME|* is no placeholder: write {{.NAME}}"},
		"double brackets":              {text + "Hi [[ token ]]", "[[ token ]] is no placeholder"},
		"double percent":               {text + "Hi %%name%%", "%%name%% is no placeholder"},
		"dollar":                       {text + "Hi ${name}", "${name} is no placeholder"},
		"word processor":               {text + "Hi «Name»", "«Name» is no placeholder"},
		"angles":                       {markup + "Hi &lt;&lt;name&gt;&gt;", "<<name>> is no placeholder"},
		"a part, and a word that cannot be decoded": {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nContent-Description: =?no-such-charset?q?a?= {{.name}}\n\n--b--\n", "m.eml:6: Content-Description: a placeholder where none can be filled in"},
		"file name of a part":                       {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=\"x{{.name}}.txt\"\n\n--b--\n", "m.eml:6: Content-Disposition: a placeholder where none can be filled in"},
		"name of a field":                           {"X-{{.name}}: x\n\n", "m.eml:2: X-{{.name}}: a placeholder where none can be filled in"},
		"name of a field, no dot":                   {"X-{{name}}: x\n\n", "m.eml:2: X-{{name}}: a placeholder where none can be filled in"},
		"type of a part":                            {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; name=\"{{name}}\"\n\n--b--\n", "m.eml:5: Content-Type: {{name}} is no placeholder"},
		"clear-signed":                              {text + "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHi {{.name}}\n-----BEGIN PGP SIGNATURE-----\n", "a placeholder in a signed part"},
		"sealed, and no token":                      {"Content-Type: multipart/signed; boundary=b\n\n--b\n\n{{name}}\n--b--\n", "{{name}} is no placeholder"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseTemplate("m.eml", []byte("From: n@sender.example\n"+c.raw), crowdTerms)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// What only may be a placeholder is noted, and what is none is left alone.
func TestNoLookalikes(t *testing.T) {
	for raw, want := range map[string]string{
		"Hi *|FNAME|*, {name of it}":      "*|FNAME|* looks like a placeholder of another program",
		"[[other]] %%other%%":             "[[other]] looks like",
		"[name] %name%":                   "[name] looks like",
		"Hi $name, a price of $5":         "$name looks like",
		"#token#":                         "#token# looks like",
		"## News ## a-b-c @@ :smile:":     "",
		`{{"{{"}}name{{"}}"}}`:            "",
		"a { b } {x} ${1} [x] 50 % off %": "",
		`{"filters":{"track":{"settings":{"enable":0}}},"to":{"a":1}}`: "",
		"<style>@media x{.y{color:red}}</style>":                       "",
		`<script type="a/b">{"a":{"b":1}}</script>`:                    "",
		"<!--[if mso]><style>a{b{c:d}}</style><![endif]-->{{.name}}":   "",
		"https://x.example/?a%5Bname%5D=1&b=%D0%B0":                    "",
	} {
		message := "From: n@sender.example\nContent-Type: text/html; charset=utf-8\n\n" + raw
		tmpl, err := parseTemplate("m.eml", []byte(message), crowdTerms)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got := strings.Join(tmpl.notes, "\n"); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: notes %q, want %q", raw, got, want)
		}
	}
}
