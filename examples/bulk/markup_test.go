package main

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// A value is escaped for where it stands.
func TestEscapeInHTML(t *testing.T) {
	const value = `A+b & "c" <d>/é?`
	const inText = "A+b &amp; &#34;c&#34; &lt;d&gt;/é?"
	const inQuery = "A%2Bb%20%26%20%22c%22%20%3Cd%3E%2F%C3%A9%3F"
	for name, c := range map[string]struct{ text, want string }{
		"text":                   {"<p>V</p>", "<p>" + inText + "</p>"},
		"attribute":              {`<img alt="V">`, `<img alt="` + inText + `">`},
		"single quotes":          {`<img alt='V'>`, `<img alt='` + inText + `'>`},
		"query":                  {`<a href="https://x.example/?t=V">`, `<a href="https://x.example/?t=` + inQuery + `">`},
		"second parameter":       {`<A CLASS=x HREF = 'https://x.example/?e=1&amp;t=V&amp;u=2'>`, `<A CLASS=x HREF = 'https://x.example/?e=1&amp;t=` + inQuery + `&amp;u=2'>`},
		"fragment":               {`<a href="https://x.example/#V">`, `<a href="https://x.example/#` + inQuery + `">`},
		"path":                   {`<a href="https://x.example/V/x">`, `<a href="https://x.example/A+b%20&amp;%20%22c%22%20%3Cd%3E%2F%C3%A9%3F/x">`},
		"mailto":                 {`<a href="mailto:u+V@x.example">`, `<a href="mailto:u+A+b%20%26%20%22c%22%20%3Cd%3E%2F%C3%A9%3F@x.example">`},
		"behind a value":         {`<a href="V&t=V">`, `<a href="A+b%20&amp;%20%22c%22%20%3Cd%3E/%C3%A9?&t=` + inQuery + `">`},
		"link within a link":     {`<a href="https://x.example/r?a=1&amp;u=https%3A%2F%2Fy.example%2F%3Fe%3DV">`, `<a href="https://x.example/r?a=1&amp;u=https%3A%2F%2Fy.example%2F%3Fe%3D` + strings.ReplaceAll(inQuery, "%", "%25") + `">`},
		"named question mark":    {`<a href="https://x.example/&quest;t=V">`, `<a href="https://x.example/&quest;t=` + inQuery + `">`},
		"no scheme in text":      {`<p>x.example/u?t=V&amp;u=V</p>`, `<p>x.example/u?t=` + inQuery + `&amp;u=` + inQuery + `</p>`},
		"two in a link":          {`<a href="https://x.example/?a=V&b=V">`, `<a href="https://x.example/?a=` + inQuery + `&b=` + inQuery + `">`},
		"link in text":           {`<p>see https://x.example/?t=V or V</p>`, `<p>see https://x.example/?t=` + inQuery + ` or ` + inText + `</p>`},
		"link without scheme":    {`<p>www.x.example/?t=V</p>`, `<p>www.x.example/?t=` + inQuery + `</p>`},
		"tags in a comment":      {`<!-- <b> <a href=V> <script V --><i title="V">`, `<!-- <b> <a href=` + inText + `> <script ` + inText + ` --><i title="` + inText + `">`},
		"host without scheme":    {`<a href="//V.example/">`, `<a href="//` + inQuery + `.example/">`},
		"no host":                {`<a href="x:///V">`, `<a href="x:///A+b%20&amp;%20%22c%22%20%3Cd%3E%2F%C3%A9%3F">`},
		"comment":                {`<!-- V -->V`, `<!-- ` + inText + ` -->` + inText},
		"conditional comment":    {`<!--[if mso]><a href="https://x.example/?t=V"><![endif]-->`, `<!--[if mso]><a href="https://x.example/?t=` + inQuery + `"><![endif]-->`},
		"title":                  {`<!DOCTYPE html><title>V</title>`, `<!DOCTYPE html><title>` + inText + `</title>`},
		"behind declarations":    {`<!DOCTYPE a "?"><?xml version="1.0"?>1 < 2 V`, `<!DOCTYPE a "?"><?xml version="1.0"?>1 < 2 ` + inText},
		"behind style":           {`<style>a>b{c:"x"}</style ><p title="V">`, `<style>a>b{c:"x"}</style ><p title="` + inText + `">`},
		"less than":              {`1 < 2 V`, `1 < 2 ` + inText},
		"behind a closed anchor": {`<a href=x>V</a>V`, `<a href=x>` + inText + `</a>` + inText},
		"srcset":                 {`<img srcset="https://x.example/V.png 1x, https://x.example/?t=V 2x,V 3x">`, `<img srcset="https://x.example/A+b%20&amp;%20%22c%22%20%3Cd%3E%2F%C3%A9%3F.png 1x, https://x.example/?t=` + inQuery + ` 2x,A+b%20&amp;%20%22c%22%20%3Cd%3E/%C3%A9? 3x">`},
		"imagesrcset":            {`<link imagesrcset=" V 3x">`, `<link imagesrcset=" A+b%20&amp;%20%22c%22%20%3Cd%3E/%C3%A9? 3x">`},
		"ping":                   {`<a ping="https://x.example/,? https://x.example/V">`, `<a ping="https://x.example/,? https://x.example/A+b%20&amp;%20%22c%22%20%3Cd%3E%2F%C3%A9%3F">`},
		"description":            {`<meta name="description" content="V"><p http-equiv>V`, `<meta name="description" content="` + inText + `"><p http-equiv>` + inText},
		"microdata":              {`<meta itemprop="url" content="https://x.example/?t=V"/>`, `<meta itemprop="url" content="https://x.example/?t=` + inQuery + `"/>`},
		"image in the link":      {`<img src="data:image/png;base64,V">`, `<img src="data:image/png;base64,A+b%20&amp;%20%22c%22%20%3Cd%3E%2F%C3%A9%3F">`},
		"data image before":      {`<img src="data:image/png;base64,AAAA" alt="V"/>`, `<img src="data:image/png;base64,AAAA" alt="` + inText + `"/>`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parsePhrase(strings.ReplaceAll(c.text, "V", "{{.name}}"), people)
			if err == nil {
				p, err = p.escapeInHTML()
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := p.fill([]string{value, "", ""}); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// Where no value can be made harmless a placeholder is a mistake.
func TestHTMLMistakes(t *testing.T) {
	for text, want := range map[string]string{
		`<a href={{.name}}>`:            `needs quotes: href="..."`,
		`<a href= x{{.name}}>`:          "needs quotes",
		`<a {{.name}}>`:                 "quoted attributes only",
		`<a x{{.name}}="y">`:            "quoted attributes only",
		`<!DOCTYPE {{.name}}>`:          "quoted attributes only",
		`<?xml {{.name}}?>`:             "quoted attributes only",
		`<{{.name}}>`:                   "name of a tag",
		`</{{.name}}>`:                  "name of a tag",
		`<b{{.name}}>`:                  "quoted attributes only",
		`<script>var x = "{{.name}}"`:   "inside <script>",
		`<STYLE>a{b:{{.name}}}</STYLE>`: "inside <style>",
		`<p onclick="x('{{.name}}')">`:  "inside the attribute onclick",
		`<p STYLE='color: {{.name}}'>`:  "inside the attribute style",
		`<meta http-equiv=refresh content="0;url={{.name}}">`:                        "inside <meta http-equiv>",
		`<META content='0; URL=https://x.example/{{.name}}' HTTP-EQUIV = "Refresh">`: "inside <meta http-equiv>",
		`<meta content="{{.name}}" data-x="{{.name}}" http-equiv="refresh"/>`:        "inside <meta http-equiv>",
		`<meta http-equiv="{{.name}}">`:                                              "inside <meta http-equiv>",
		`<a href="javascript:f('{{.name}}')">`:                                       "in a link with javascript:",
		`<a href=" JAVA&#83;cript:{{.name}}">`:                                       "in a link with javascript:",
		`<iframe src="data:text/html,{{.name}}">`:                                    "in a link with data:",
		`<a href="vbscript:{{.name}}">`:                                              "in a link with vbscript:",
		`<p [text]="'{{.name}}'">`:                                                   "inside the attribute [text]",
		`<p data-amp-bind-text="'{{.name}}'">`:                                       "inside the attribute data-amp-bind-text",
		`<p on="tap:x.show({{.name}})">`:                                             "inside the attribute on",
		`<iframe srcdoc="{{.name}}">`:                                                "inside the attribute srcdoc",
		`<!-- --><script >x</scrip{{.name}}`:                                         "inside <script>",
	} {
		p, err := parsePhrase(text, people)
		if err == nil {
			_, err = p.escapeInHTML()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// In a list of images a comma of a value would begin another.
func TestCommasInSrcset(t *testing.T) {
	for text, want := range map[string]string{
		`<img srcset="https://x.example/{{.name}} 1x">`: `<img srcset="https://x.example/a%2Cb 1x">`,
		`<img srcset="{{.name}}">`:                      `<img srcset="a%2Cb">`,
		`<img src="https://x.example/{{.name}}">`:       `<img src="https://x.example/a,b">`,
		`<img srcset="x 1x" alt="{{.name}}">`:           `<img srcset="x 1x" alt="a,b">`,
	} {
		p, err := parsePhrase(text, people)
		if err == nil {
			p, err = p.escapeInHTML()
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := p.fill([]string{"a,b", "", ""}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A value that is a link must be one that mail can have.
func TestLinkValue(t *testing.T) {
	p, err := parsePhrase(`<a href="{{.name}}">`, people)
	if err == nil {
		p, err = p.escapeInHTML()
	}
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"https://x.example/?a=1&b=%20x": `<a href="https://x.example/?a=1&amp;b=%20x">`,
		"x.example/a b":                 `<a href="x.example/a%20b">`,
		"MAILTO:a@x.example":            `<a href="MAILTO:a@x.example">`,
		"javascript:alert(1)":           "",
		" JavaScript:alert(1)":          "",
		"data:text/html,x":              "",
		"<https://x.example/>":          "",
	} {
		values := []string{value, "", ""}
		if err := p.check(values, people); (err == nil) != (want != "") {
			t.Errorf("%s: %v", value, err)
		}
		if got := p.fill(values); want != "" && got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEscapeInText(t *testing.T) {
	for text, want := range map[string]string{
		"V & V":                        "a+b&c d & a+b&c d",
		"https://x.example/u?e=V&n=V.": "https://x.example/u?e=a%2Bb%26c%20d&n=a%2Bb%26c%20d.",
		"(https://x.example/u/V) V":    "(https://x.example/u/a+b&c%20d) a+b&c d",
		"<https://V.example/>\nV":      "<https://a%2Bb%26c%20d.example/>\na+b&c d",
		"V&t=V":                        "a+b&c d&t=a%2Bb%26c%20d",
		"x.example/u?e=V&n=V":          "x.example/u?e=a%2Bb%26c%20d&n=a%2Bb%26c%20d",
		"shop.x.example:8080?e=V":      "shop.x.example:8080?e=a%2Bb%26c%20d",
		"Mr.Smith/V, a.b V? x=V":       "Mr.Smith/a+b&c d, a.b a+b&c d? x=a+b&c d",
		"mailto:V?subject=V":           "mailto:a+b%26c%20d?subject=a%2Bb%26c%20d",
		"V/u?e=V":                      "a+b&c d/u?e=a%2Bb%26c%20d",
		"e=V?":                         "e=a+b&c d?",
	} {
		p, err := parsePhrase(strings.ReplaceAll(text, "V", "{{.name}}"), people)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.escapeInText().fill([]string{"a+b&c d", "", ""}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The address of a recipient survives the way through an unsubscribe link.
func TestUnsubscribeLink(t *testing.T) {
	const raw = "From: n@sender.example\nList-Unsubscribe: <https://x.example/u?e={{.email}}&n={{.name}}>,\n <mailto:u+{{.token}}@x.example?subject={{.name}}>\n" +
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\nContent-Type: text/html; charset=utf-8\n\n<a href=\"https://x.example/u?e={{.email}}&amp;n={{.name}}\">x</a>\n"
	tmpl := mustTemplate(t, raw)
	values := []string{"ann+news@example.com", "Jörg & Zoë", "a/b+c="}
	if err := tmpl.check(values); err != nil {
		t.Fatal(err)
	}
	header, body := parse(t, string(tmpl.appendTo(nil, mailing{from: "n@sender.example", address: values[0], values: values})))
	links := []string{html.UnescapeString(regexp.MustCompile(`href="(.*?)"`).FindStringSubmatch(body)[1])}
	for _, m := range regexp.MustCompile(`<(.*?)>`).FindAllStringSubmatch(header.Get("List-Unsubscribe"), -1) {
		links = append(links, m[1])
	}
	for _, link := range links[:2] {
		u, err := url.Parse(link)
		if err != nil || u.Query().Get("e") != values[0] || u.Query().Get("n") != values[1] || len(u.Query()) != 2 {
			t.Errorf("%s: %v, %v", link, u, err)
		}
	}
	if want := "mailto:u+a%2Fb+c%3D@x.example?subject=J%C3%B6rg%20%26%20Zo%C3%AB"; links[2] != want {
		t.Errorf("got %s, want %s", links[2], want)
	}
}

// Whatever the text and the value, the value adds no markup.
func FuzzMarkup(f *testing.F) {
	f.Add(`<a href="https://x.example/?t={{.name}}">{{.name}}</a><!-- {{.name}} -->`, `"><script>`)
	f.Add(`<p title='{{.name}}'`, `'`)
	f.Fuzz(func(t *testing.T, text, value string) {
		p, err := parsePhrase(text, people)
		if err != nil || p.fixed() {
			return
		}
		if p, err = p.escapeInHTML(); err != nil {
			return
		}
		for _, s := range p.slots {
			if s.escape != nil && strings.ContainsAny(s.escape(value), `<>"'`) {
				t.Fatalf("%q in %q is %q", value, text, s.escape(value))
			}
		}
	})
}
