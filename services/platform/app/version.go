package app

// version is what a release's build writes here, through the linker:
// -ldflags "-X douyin.dev/services/platform/app.version=1.2.3". A variable, and
// never changed, because the linker sets nothing else.
var version = "development"
