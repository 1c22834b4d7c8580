package classify

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
)

// minLiteral is the minimum length of a literal, in bytes.
const minLiteral = 3

// compilePattern compiles a rule's pattern, which ignores case.
func compilePattern(pattern string) (*regexp.Regexp, error) { return regexp.Compile("(?i)" + pattern) }

// literalsOf returns folded words; every text that the pattern matches has one of them.
// It returns none if there are no such words. A pattern with literals is tried only on
// texts that have one.
func literalsOf(pattern string) []string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if pattern == "" || err != nil {
		return nil
	}
	return required(tree.Simplify())
}

func required(tree *syntax.Regexp) []string {
	switch tree.Op {
	case syntax.OpLiteral:
		if word := longestWord(string(tree.Rune)); word != "" {
			return []string{word}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(tree.Sub[0])
	case syntax.OpConcat: // one of the parts will do: that whose shortest word is longest
		var best []string
		for _, part := range tree.Sub {
			if words := required(part); shortest(words) > shortest(best) {
				best = words
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, branch := range tree.Sub {
			words := required(branch)
			if words == nil {
				return nil
			}
			all = append(all, words...)
		}
		return all
	}
	return nil
}

// longestWord returns the longest run of letters and digits in s, folded; "" if
// none is long enough. The word has a letter, as patterns match the codes of a
// reply as well, and these are not in the folded text.
func longestWord(s string) string {
	longest := ""
	for word := range strings.FieldsFuncSeq(s, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		if strings.ContainsFunc(word, unicode.IsLetter) && len(word) > len(longest) {
			longest = word
		}
	}
	if len(longest) < minLiteral {
		return ""
	}
	return string(foldFragment(longest[:min(len(longest), maxFragment)]))
}

// shortest returns the length of the shortest word; 0 for no words.
func shortest(words []string) int {
	if len(words) == 0 {
		return 0
	}
	n := len(words[0])
	for _, word := range words {
		n = min(n, len(word))
	}
	return n
}
