package auth

import (
	"net/http"
	"strings"
)

// A Challenge is one way in that a registry offers.
type Challenge struct {
	Scheme     string            // lower case: "basic", "bearer"
	Parameters map[string]string // names in lower case: realm, service, scope, error
}

// Challenges reads the WWW-Authenticate headers of a response. A header may
// hold several challenges, and commas stand both between them and inside
// them. What cannot be read ends that header, not the program. See RFC 9110,
// section 11.6.1.
func Challenges(h http.Header) []Challenge {
	var all []Challenge
	for _, value := range h.Values("WWW-Authenticate") {
		all = append(all, parseChallenges(value)...)
	}
	return all
}

func parseChallenges(s string) []Challenge {
	var all []Challenge
	for {
		var word string
		if word, s = token(strings.TrimLeft(s, " \t,")); word == "" {
			return all
		}
		rest := strings.TrimLeft(s, " \t")
		if !strings.HasPrefix(rest, "=") || len(all) == 0 { // a word alone is a scheme
			all = append(all, Challenge{strings.ToLower(word), map[string]string{}})
			continue
		}
		value, rest, ok := parameter(strings.TrimLeft(rest[1:], " \t"))
		if !ok {
			return all
		}
		all[len(all)-1].Parameters[strings.ToLower(word)] = value
		s = rest
	}
}

// token cuts the longest token off the front of s. See RFC 9110, section 5.6.2.
func token(s string) (word, rest string) {
	end := strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:]
}

// parameter cuts a value off the front of s: a token, or anything in quotes.
func parameter(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest = token(s)
		return value, rest, value != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false // the quotes never end
}
