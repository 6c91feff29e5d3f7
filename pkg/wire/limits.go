package wire

// Bounds on what may come from outside, in bytes unless said otherwise. Fields marked "cut" are
// shortened at a UTF-8 boundary; all others are refused when longer.
const (
	// MaxEventBytes bounds one event in any form.
	MaxEventBytes = 64 << 10
	// MaxBatchEvents bounds how many events one batch may hold.
	MaxBatchEvents = 1000

	// MaxID bounds tenant, user and session ids. Escaped as one broker token (three bytes for
	// one) it is exactly subject.MaxToken.
	MaxID = 128
	// MaxEventID bounds event and challenge ids.
	MaxEventID = 256
	// MaxSource bounds the CloudEvents source.
	MaxSource = 256
	// MaxAction bounds the dotted verb.
	MaxAction = 64
	// MaxACR bounds an authentication context class.
	MaxACR = 128
	// MaxAMR bounds one method reference; MaxAMRCount how many there may be.
	MaxAMR      = 32
	MaxAMRCount = 16

	// MaxDevice cuts device tokens: a longer one is still a device nobody knows.
	MaxDevice = 256
	// MaxUserAgent cuts the User-Agent header.
	MaxUserAgent = 512
	// MaxResource cuts resource types and ids.
	MaxResource = 256
	// MaxReason cuts reasons.
	MaxReason = 256
	// MaxRoute cuts an enforcement receipt's route; MaxSDK its SDK name; MaxAuthor a judgement's author.
	MaxRoute  = 256
	MaxSDK    = 64
	MaxAuthor = 128
	// MaxPlace cuts city names and network owners given upstream.
	MaxPlace = 128

	// MaxAttributes is how many attributes an event may have.
	MaxAttributes = 16
	// MaxAttributeKey and MaxAttributeValue bound one attribute.
	MaxAttributeKey   = 64
	MaxAttributeValue = 256

	// MaxCount bounds how many equal actions one event may stand for.
	MaxCount = 1_000_000
	// MaxRTT bounds a round trip, milliseconds; a longer one says nothing and is unknown.
	MaxRTT = 600_000
	// maxAccuracyKM is half the circumference of the earth; a larger radius is unknown.
	maxAccuracyKM = 20_038

	// maxTimeMS is the last millisecond of the year 9999.
	maxTimeMS = 253_402_300_799_999
)
