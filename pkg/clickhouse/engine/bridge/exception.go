package bridge

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// ClickHouse's error codes that the bridge itself raises.
const (
	codeCannotReadAll    = 33
	codeBadArguments     = 36
	codeNotImplemented   = 48
	codeSyntax           = 62
	codeUnknownSetting   = 115
	codeReadonly         = 164
	codeRequiredPassword = 194
	codeTooManyQueries   = 202
	codeSameQueryID      = 216
	codeQueryTooLarge    = 229
	codeAborted          = 236
	codeSupportDisabled  = 344
	codeSessionNotFound  = 372
	codeSessionLocked    = 373
	codeSessionTimeout   = 374
	codeCancelled        = 394
	codeAccessDenied     = 497
	codeAuthentication   = 516
	codeUnknownEncoding  = 779
)

var codeNames = map[int]string{
	codeCannotReadAll:  "CANNOT_READ_ALL_DATA",
	codeBadArguments:   "BAD_ARGUMENTS",
	codeNotImplemented: "NOT_IMPLEMENTED",
	codeSyntax:         "SYNTAX_ERROR",
	codeUnknownSetting: "UNKNOWN_SETTING",
	codeReadonly:       "READONLY", codeRequiredPassword: "REQUIRED_PASSWORD",
	codeTooManyQueries:  "TOO_MANY_SIMULTANEOUS_QUERIES",
	codeSameQueryID:     "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
	codeQueryTooLarge:   "QUERY_IS_TOO_LARGE",
	codeAborted:         "ABORTED",
	codeSupportDisabled: "SUPPORT_IS_DISABLED",
	codeSessionNotFound: "SESSION_NOT_FOUND",
	codeSessionLocked:   "SESSION_IS_LOCKED",
	codeSessionTimeout:  "INVALID_SESSION_TIMEOUT",
	codeCancelled:       "QUERY_WAS_CANCELLED",
	codeAccessDenied:    "ACCESS_DENIED",
	codeAuthentication:  "AUTHENTICATION_FAILED",
	codeUnknownEncoding: "UNSUPPORTED_MEDIA_TYPE",
}

func exception(code int, format string, arguments ...any) *chdb.Exception {
	return &chdb.Exception{Code: code, Name: codeNames[code], Message: fmt.Sprintf(format, arguments...)}
}

// asException gives any error a code; what did not come from the engine is a failed request.
func asException(err error) *chdb.Exception {
	if known, ok := errors.AsType[*chdb.Exception](err); ok {
		return known
	}
	return &chdb.Exception{Code: 1001, Name: "STD_EXCEPTION", Message: err.Error()}
}

// status is the HTTP status that a ClickHouse server gives each error code.
func status(code int) int {
	switch code {
	case codeRequiredPassword:
		return http.StatusUnauthorized
	case 192, 193, codeAccessDenied, 512, codeAuthentication:
		return http.StatusForbidden
	case 6, 8, 15, 25, 26, 27, codeBadArguments, 37, 38, 41, 44, 53, codeSyntax, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676:
		return http.StatusBadRequest
	case 46, 47, 50, 56, 60, 63, 73, 78, 81, codeUnknownSetting, 152, 336, 511:
		return http.StatusNotFound
	case codeQueryTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeNotImplemented:
		return http.StatusNotImplemented
	case 76, 209, 439:
		return http.StatusServiceUnavailable
	case 381:
		return http.StatusLengthRequired
	case 159:
		return http.StatusRequestTimeout
	case codeUnknownEncoding:
		return http.StatusUnsupportedMediaType
	}
	return http.StatusInternalServerError
}
