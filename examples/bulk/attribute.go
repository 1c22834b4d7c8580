package main

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

// linkAttributes are the attributes of HTML whose value is a URI.
var linkAttributes = []string{
	"href", "src", "action", "background", "cite", "data", "formaction", "longdesc", "lowsrc", "poster", "xlink:href",
	"archive", "classid", "codebase", "dynsrc", "icon", "manifest", "profile", "usemap",
}

// linkLists are the attributes whose value is several URIs, by the characters at which one
// ends. In a list of images its size follows behind a blank.
var linkLists = map[string]string{"ping": " \t\r\n", "srcset": " \t\r\n,", "imagesrcset": " \t\r\n,"}

// Values in these attributes would be code or styles, or HTML once more. A name with an
// asterisk stands for all that begin so.
var unsafeAttributes = []string{"on*", "style", "srcdoc", "[*", "data-amp-bind-*"}

// unsafeLink matches a link that is code, or data and what these are.
var unsafeLink = regexp.MustCompile(`(?i)^\s*(javascript|vbscript|data):(image/)?`)

// takesNoValue returns the mistake of a value in the quoted value of an attribute that makes
// something else of it than text or a link; nil for none. rest are the literals behind it.
func (m *markup) takesNoValue(before string, rest []string) error {
	if slices.ContainsFunc(unsafeAttributes, func(name string) bool {
		beginning, all := strings.CutSuffix(name, "*")
		return m.attribute == name || all && strings.HasPrefix(m.attribute, beginning)
	}) {
		return fmt.Errorf("inside the attribute %s no value can be filled in safely", m.attribute)
	}
	if m.tag == "meta" && m.isPragma(rest) {
		return errors.New("inside <meta http-equiv> no value can be filled in safely")
	}
	if link := unsafeLink.FindStringSubmatch(before); link != nil && link[2] == "" && slices.Contains(linkAttributes, m.attribute) {
		return fmt.Errorf("in a link with %s: no value can be filled in safely", strings.ToLower(link[1]))
	}
	return nil
}

// isPragma reports whether the tag has the attribute http-equiv, also behind the value.
func (m *markup) isPragma(rest []string) bool {
	source := slices.Clone(m.source)
	for _, literal := range rest {
		before, _, ends := strings.Cut(literal, ">")
		if source = append(source, before...); ends {
			break
		}
	}
	return bytes.Contains(bytes.ToLower(source), []byte("http-equiv"))
}

// quotedSlot returns how a value is escaped in the quoted value of an attribute.
func (m *markup) quotedSlot(rest []string) (linkPart, error) {
	before := html.UnescapeString(string(m.before))
	if err := m.takesNoValue(before, rest); err != nil {
		return notInLink, err
	}
	if ends := linkLists[m.attribute]; ends != "" {
		return partOf(before[strings.LastIndexAny(before, ends)+1:]), nil
	}
	if slices.Contains(linkAttributes, m.attribute) {
		return partOf(strings.TrimSpace(before)), nil
	}
	return partInText(lastWord(before)), nil
}

// inImageList reports whether a comma would end the link that a value is in.
func (m *markup) inImageList() bool {
	return m.place == inQuoted && strings.Contains(linkLists[m.attribute], ",")
}
