/** The words of the page. zh.ts has the same keys; a test compares them. */
export default {
  common: {
    close: "Close", back: "Back", retry: "Try again", save: "Save", notices: "Notices",
  },
  nav: {
    label: "Main", home: "Home", search: "Search", publish: "Publish", messages: "Messages", messagesUnread: "Messages, unread", me: "Me", login: "Log in", settings: "Settings",
  },
  failure: {
    offline: "You are offline. What is loaded stays here.",
    login: "Please log in again.",
    forbidden: "That is not yours to do.",
    notFound: "There is nothing here any more.",
    invalid: "Something you entered is not right.",
    limited: "That was a lot at once. Wait a moment, then try again.",
    unknownOutcome: "We do not know whether that worked. Try again: it will not happen twice.",
    server: "That did not work. Try again in a moment.",
    requestId: "Request {{id}}",
  },
  session: {
    login: "Log in", register: "Create account", logout: "Log out", logoutEverywhere: "Log out on every device",
    username: "Name", password: "Password", wrongPair: "Wrong name or password.",
    toRegister: "New here? Create an account", toLogin: "I have an account",
  },
  feed: {
    label: "Videos", tabs: "Feeds", newest: "Newest", following: "Following", now: "{{title}}, by {{author}}", video: "{{title}}, by {{author}}",
    empty: "No videos yet.", publishFirst: "Publish the first one", toNewest: "Newest videos",
    followingEmpty: "Follow somebody, and their videos appear here.", followingNeedsLogin: "Log in to see the videos of people you follow.", findPeople: "Look around",
  },
  player: {
    play: "Play", loading: "Loading", soundOn: "Turn sound on", soundOff: "Turn sound off", progress: "Position", position: "{{at}} of {{of}}",
    like: "Like", unlike: "Take the like back", comments_one: "{{count}} comment", comments_other: "{{count}} comments", share: "Share", shareShort: "Share",
    author: "Profile of {{name}}", more: "more", less: "less", views_one: "{{shown}} view", views_other: "{{shown}} views", fast: "{{rate}}× speed", linkCopied: "Link copied",
    stalled: "This video is slow to come.", failed: "This video cannot be played.", skip: "Next video",
  },
  visibility: {
    label: "Who can watch", public: "Everyone", followers: "Followers", friends: "Friends", unlisted: "Anyone with the link", private: "Only me",
    hint: {
      public: "It is in the feed and on your profile.", followers: "People who follow you.", friends: "People who follow you and whom you follow.",
      unlisted: "It is in no list but your own.", private: "Nobody else can see it.",
    },
  },
  video: {
    edit: "Edit video", editShort: "Edit",
  },
  keys: {
    title: "Keys", space: "Space", next: "Next video", previous: "Previous video", toggle: "Play or pause", back: "5 seconds back", forward: "5 seconds on",
    mute: "Sound on or off", like: "Like", comments: "Comments", share: "Share", search: "Search", fullscreen: "Full screen", help: "This list",
  },
  comments: {
    title_one: "{{count}} comment", title_other: "{{count}} comments", empty: "No comments yet. Say something nice.", placeholder: "Say something", send: "Send comment", delete: "Delete comment",
  },
  profile: {
    tabs: "Videos", works: "Videos", liked: "Likes", following: "Following", followers: "Followers",
    followingCount: "following", followerCount: "followers", likeCount: "likes",
    follow: "Follow", followed: "Following", followName: "Follow {{name}}", unfollowName: "Unfollow {{name}}", message: "Message", edit: "Edit profile", signature: "A line about you",
    noWorks: "No videos yet.", noLiked: "No likes yet.", nobody: "Nobody yet.",
  },
  search: {
    label: "Search", placeholder: "Videos, people, tags", clear: "Clear the text", suggestions: "Suggestions",
    suggested_one: "{{count}} suggestion", suggested_other: "{{count}} suggestions", tag: "Tag", person: "Person",
    tabs: "What to find", video: "Videos", user: "People", tagTab: "Tags",
    start: "Find videos, people and tags.", recent: "Recent searches", forget: "Forget {{keyword}}", forgetAll: "Forget all",
    nothing: "Nothing was found for “{{keyword}}”.", tagVideos_one: "{{shown}} video", tagVideos_other: "{{shown}} videos",
    order: "Order", newest: "Newest", top: "Top", noTagVideos: "No videos with this tag.",
  },
  publish: {
    title: "Publish", needsLogin: "Log in to publish a video.", drop: "Drop a video here", limits: "MP4 or MOV, up to {{size}} and {{minutes}} minutes", choose: "Choose a video",
    preview: "Preview", name: "Title", send: "Publish", other: "Another video", progress: "Upload", percent: "{{percent}} %, {{speed}}/s", left: "{{time}} left",
    pause: "Pause the upload", resume: "Go on with the upload", paused: "Paused at {{percent}} %. It is kept here for a day.", sent: "All of it is there.", whenSent: "It is published when all of it is there.",
    lost: "The connection was lost. What was sent is kept: go on when you are online.",
    checking: "Checking the video", done: "Published.", broken: "We do not know whether that worked. Try again: it will not be published twice.",
    problem: { notVideo: "That is not a video.", tooLarge: "That file is too large.", tooLong: "That video is too long.", empty: "That file is empty." },
  },
  status: {
    title: "Your video", watch: "Watch", works: "My videos", progress: "Progress", qualities: "Qualities: {{list}}",
    queued_one: "Waiting for {{count}} other video", queued_other: "Waiting for {{count}} other videos", queuedNext: "Next in line",
    processing: "Working on it, {{percent}} %", ready: "Ready: it plays on every device.", failed: "Its qualities could not be made.",
    stage: { inspect: "Looking at the video", encode: "Making its qualities, {{percent}} %", store: "Storing, {{percent}} %" },
    playsAlready: "It is published and plays already. You can leave this page.", playsAnyway: "It is published as you sent it.",
  },
  chat: {
    friends: "Friends", needsLogin: "Log in to write messages.", choose: "Choose a conversation.", noFriends: "When you and somebody follow each other, they appear here.",
    mine: "You: {{text}}", unread: "Unread", with: "Conversation with {{name}}", placeholder: "Write a message", send: "Send message", failed: "Not sent. Try again",
    reconnecting: "Connecting again", newMessages_one: "{{count}} new", newMessages_other: "{{count}} new",
  },
  settings: {
    title: "Settings", appearance: "Appearance", theme: "Theme", system: "System", light: "Light", dark: "Dark", language: "Language",
    playback: "Playback", alwaysMuted: "Always without sound", account: "Account", loggedInAs: "Logged in as {{name}}",
    changePassword: "Change password", oldPassword: "Old password", newPassword: "New password", passwordHint: "Other devices are logged out.", passwordChanged: "Password changed.",
  },
};
