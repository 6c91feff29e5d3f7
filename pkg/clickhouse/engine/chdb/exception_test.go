package chdb

import "testing"

func TestErrorTextsAreTakenApart(t *testing.T) {
	for text, want := range map[string]Exception{
		"Code: 60. DB::Exception: Table default.x does not exist. (UNKNOWN_TABLE)":                                  {60, "UNKNOWN_TABLE", "Table default.x does not exist."},
		"Code: 60. DB::Exception: x. (UNKNOWN_TABLE) (version 26.7.2.1 (official build))":                           {60, "UNKNOWN_TABLE", "x."},
		"Code: 395. DB::Exception: a (NOT_A_NAME) b: while executing 'f(1)'. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)": {395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", "a (NOT_A_NAME) b: while executing 'f(1)'."},
		"Code: 27. DB::ParsingException: x. (CANNOT_PARSE_INPUT_ASSERTION_FAILED)\n":                                {27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED", "DB::ParsingException: x."},
		"No active streaming query": {1001, "", "No active streaming query"},
		"Code: 99999999999. x":      {1001, "", "x"},
		"":                          {1001, "", ""},
	} {
		if got := *ParseException(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func FuzzParseException(f *testing.F) {
	f.Add("Code: 60. DB::Exception: Table default.x does not exist. (UNKNOWN_TABLE)")
	f.Add("Received exception\nCode: 1. x (Y)")
	f.Fuzz(func(t *testing.T, text string) {
		e := ParseException(text)
		if e.Code <= 0 {
			t.Fatalf("%q: got code %d", text, e.Code)
		}
		if again := ParseException(e.Text()); again.Code != e.Code {
			t.Fatalf("%q: got code %d, then %d", text, e.Code, again.Code)
		}
	})
}
