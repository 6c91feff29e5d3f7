package bridge

import (
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenNone   tokenKind = iota
	tokenEnd              // of the text, also in the middle of something
	tokenWord             // keyword or bare identifier
	tokenName             // identifier in backticks or double quotes, without them
	tokenString           // string literal or here-document
	tokenPunct            // anything else, one byte
)

type token struct {
	kind tokenKind
	text string
}

// is compares with a keyword, in any case.
func (t token) is(keyword string) bool {
	return t.kind == tokenWord && len(t.text) == len(keyword) && strings.EqualFold(t.text, keyword)
}

// names compares with a function's name, quoted or not. A quoted name with escapes could be
// anything, so it matches.
func (t token) names(function string) bool {
	switch t.kind {
	case tokenWord:
		return strings.EqualFold(t.text, function)
	case tokenName:
		return strings.EqualFold(t.text, function) || strings.Contains(t.text, `\`)
	}
	return false
}

// lexer splits SQL the way ClickHouse does, as far as comments, literals and names go.
type lexer struct {
	text string
	pos  int
}

func (l *lexer) peek() token {
	ahead := *l
	return ahead.next()
}

func (l *lexer) next() token {
	l.skip()
	if l.pos >= len(l.text) {
		return token{kind: tokenEnd}
	}
	start := l.pos
	switch c := l.text[start]; {
	case isWordByte(c):
		for l.pos < len(l.text) && isWordByte(l.text[l.pos]) {
			l.pos++
		}
		return token{kind: tokenWord, text: l.text[start:l.pos]}
	case c == '\'':
		return l.quoted(c, tokenString)
	case c == '`', c == '"':
		return l.quoted(c, tokenName)
	case c == '$':
		return l.hereDocument()
	default:
		for _, pair := range fancyQuotes {
			if strings.HasPrefix(l.text[start:], pair.open) {
				return l.enclosed(pair.open, pair.close, pair.kind)
			}
		}
		l.pos++
		return token{kind: tokenPunct, text: l.text[start:l.pos]}
	}
}

// fancyQuotes are the typographic quotes that ClickHouse takes for plain ones.
var fancyQuotes = []struct {
	open, close string
	kind        tokenKind
}{{"‘", "’", tokenString}, {"“", "”", tokenName}}

// skip passes blanks and comments. A comment that does not end runs to the end of the text.
func (l *lexer) skip() {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v\x00", rest[0]) >= 0:
			l.pos++
		case rest[0] >= utf8.RuneSelf && wideBlank(rest) > 0:
			l.pos += wideBlank(rest)
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			l.pos += lineEnd(rest)
		case strings.HasPrefix(rest, "/*"):
			if end := strings.Index(rest[2:], "*/"); end >= 0 {
				l.pos += 2 + end + 2
			} else {
				l.pos = len(l.text)
			}
		default:
			return
		}
	}
}

// wideBlank is the length of a blank beyond ASCII, 0 when there is none.
func wideBlank(text string) int {
	c, size := utf8.DecodeRuneInString(text)
	switch {
	case c == 0x85, c == 0xa0, c == 0x1680, c == 0x180e, 0x2000 <= c && c <= 0x200d, c == 0x2028, c == 0x2029, c == 0x202f, c == 0x205f, c == 0x2060, c == 0x3000, c == 0xfeff:
		return size
	}
	return 0
}

func lineEnd(text string) int {
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		return end + 1
	}
	return len(text)
}

// quoted reads up to the closing quote; a backslash and a doubled quote keep it open.
func (l *lexer) quoted(quote byte, kind tokenKind) token {
	start := l.pos + 1
	for i := start; i < len(l.text); i++ {
		switch l.text[i] {
		case '\\':
			i++
		case quote:
			if i+1 < len(l.text) && l.text[i+1] == quote {
				i++
				continue
			}
			l.pos = i + 1
			return token{kind: kind, text: l.text[start:i]}
		}
	}
	l.pos = len(l.text)
	return token{kind: tokenEnd}
}

func (l *lexer) enclosed(open, end string, kind tokenKind) token {
	start := l.pos + len(open)
	stop := strings.Index(l.text[start:], end)
	if stop < 0 {
		l.pos = len(l.text)
		return token{kind: tokenEnd}
	}
	l.pos = start + stop + len(end)
	return token{kind: kind, text: l.text[start : start+stop]}
}

// hereDocument reads $tag$ ... $tag$; a dollar that starts none stands for itself.
func (l *lexer) hereDocument() token {
	end := strings.IndexByte(l.text[l.pos+1:], '$')
	if end >= 0 {
		tag := l.text[l.pos : l.pos+1+end+1]
		if plainTag(tag[1 : len(tag)-1]) {
			start := l.pos + len(tag)
			if stop := strings.Index(l.text[start:], tag); stop >= 0 {
				l.pos = start + stop + len(tag)
				return token{kind: tokenString, text: l.text[start : start+stop]}
			}
		}
	}
	l.pos++
	return token{kind: tokenPunct, text: "$"}
}

func plainTag(tag string) bool {
	for i := range len(tag) {
		if !isWordByte(tag[i]) {
			return false
		}
	}
	return true
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
