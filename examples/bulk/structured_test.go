package main

import (
	"strings"
	"testing"
)

// TestStructuredFields: a value that is filled into a field with a grammar of its own stays
// what it is there, or is a mistake that names the column.
func TestStructuredFields(t *testing.T) {
	for _, c := range []struct{ field, value, want string }{
		{"List-Id: News for {{.name}} <news.x.example>", "Ann", `List-Id: "News for Ann" <news.x.example>`},
		{`List-Id: "News for {{.name}}" <news.x.example>`, "Ann", `List-Id: "News for Ann" <news.x.example>`},
		{"List-Id: {{.name}} <news.x.example>", `A <evil.example> "B"`, `List-Id: "A <evil.example> \"B\"" <news.x.example>`},
		{"List-Id: {{.name}} <news.x.example>", "Zoë", "List-Id: =?utf-8?q?Zo=C3=AB?= <news.x.example>"},
		{"List-Id: {{.name}} <news.x.example>", "", "List-Id: <news.x.example>"},
		{"List-ID: <{{.name}}.news.x.example>", "a1_b", "List-ID: <a1_b.news.x.example>"},
		{"List-Id: <{{.name}}.x.example>", "a>b", `!List-Id: the identifier "a>b.x.example", of the value of "name", may have letters, digits, hyphens and single dots`},
		{"List-Id: <{{.name}}.x.example>", "a <b", `!of the value of "name"`},
		{"List-Id: <{{.name}}.x.example>", "ä", `!of the value of "name"`},
		{"List-Id: <{{.name}}.x.example>", "", `!of the value of "name"`},
		{"List-Id: <{{.name}}>", "a..b", `!of the value of "name"`},
		{"List-Id: <{{.name}}.x.example>", strings.Repeat("a", 250), "!255"},
		{"List-Id: {{.name}} <news.x.example>", "a\nb", `!List-Id: the value of "name" has a line break`},
		{"List-Id: <{{.name}}.x.example>", "a\r\nb", `!List-Id: the value of "name" has a line break`},
		{"References: <{{.name}}@x.example>", "7", "References: <7@x.example>"},
		{"References: <1@x.example> {{.name}}", "<2@x.example>", "References: <1@x.example> <2@x.example>"},
		{"In-Reply-To: <{{.name}}@x.example>", "7> <8", `!In-Reply-To: the message IDs "<7> <8@x.example>", of the value of "name"`},
		{"In-Reply-To: <{{.name}}@x.example>", "7 8", `!of the value of "name"`},
		{"References: {{.name}}", "7@x.example", `!of the value of "name"`},
		{"References: <{{.name}}@x.example>", strings.Repeat("a", 1000), "!longer than 998 octets"},
		{"Feedback-ID: {{.name}}:a:b:sender", "c1", "Feedback-ID: c1:a:b:sender"},
		{"Feedback-ID: {{.name}}:a:b:sender", "é", `!Feedback-ID: "é:a:b:sender", of the value of "name", is not ASCII`},
		{"Precedence: {{.name}}", "bülk", "!is not ASCII"},
		{"List-Unsubscribe: <https://x.example/{{.name}}>", "<b>,\"", "List-Unsubscribe: <https://x.example/%3Cb%3E,%22>"},
		{"List-Unsubscribe: <https://x.example/> ({{.name}})", "Ann", "List-Unsubscribe: <https://x.example/> (Ann)"},
		{"List-Unsubscribe: <https://x.example/> ({{.name}})", "<https://evil.example/>", `!List-Unsubscribe: the value of "name" has '<', which has a meaning in this field`},
		{"List-Unsubscribe: <https://x.example/> ({{.name}})", "a)b", "!has ')'"},
		{"List-Help: {{.name}} <https://x.example/>", "a,b", "!has ','"},
		{"List-Help: {{.name}} <https://x.example/>", "é", "!has 'é'"},
	} {
		tmpl := mustTemplate(t, "From: n@sender.example\n"+c.field+"\n\nbody\n")
		values := []string{"ann@example.com", c.value, ""}
		err := tmpl.check(values)
		if want, refused := strings.CutPrefix(c.want, "!"); refused {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s with %.40q: got %v, want %q", c.field, c.value, err, want)
			}
			continue
		}
		got := string(tmpl.appendTo(nil, mailing{from: "n@sender.example", address: values[0], values: values}))
		if err != nil || !strings.Contains(got, "\r\n"+c.want+"\r\n") {
			t.Errorf("%s with %q: got %v, %q, want %q", c.field, c.value, err, got, c.want)
		}
	}
}

// TestStructuredFieldsWithoutBrackets is a mistake of the message.
func TestStructuredFieldsWithoutBrackets(t *testing.T) {
	for _, field := range []string{"List-Id: {{.name}}", "List-Id: {{.name}} news.x.example", "List-Id: <{{.name}}> (x)", "List-Id: <{{.name}}"} {
		_, err := parseTemplate("m.eml", []byte("From: n@sender.example\n"+field+"\n\nbody\n"), crowdTerms)
		if err == nil || !strings.Contains(err.Error(), "m.eml:2: List-Id: an identifier needs angle brackets") {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
