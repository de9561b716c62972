import type en from "./en";

/** The words of the page in Chinese. Chinese has no plural, so both forms are alike. */
const words: typeof en = {
  common: {
    close: "关闭", back: "返回", retry: "重试", save: "保存", notices: "通知",
  },
  nav: {
    label: "主导航", home: "首页", search: "搜索", publish: "发布", messages: "消息", messagesUnread: "消息,有未读", me: "我", login: "登录", settings: "设置",
  },
  failure: {
    offline: "网络已断开,已加载的内容还在。",
    login: "请重新登录。",
    forbidden: "你不能这样做。",
    notFound: "这里已经没有内容了。",
    invalid: "填写的内容不对。",
    limited: "操作太频繁,请稍后再试。",
    unknownOutcome: "不确定是否成功。请重试,不会重复执行。",
    server: "没有成功,请稍后再试。",
    requestId: "请求编号 {{id}}",
  },
  session: {
    login: "登录", register: "注册", logout: "退出登录", logoutEverywhere: "退出所有设备",
    username: "用户名", password: "密码", wrongPair: "用户名或密码不正确。",
    toRegister: "第一次来?注册账号", toLogin: "已有账号,去登录",
  },
  feed: {
    label: "视频", tabs: "频道", newest: "最新", following: "关注", now: "{{title}},作者 {{author}}", video: "{{title}},作者 {{author}}",
    empty: "还没有视频。", publishFirst: "发布第一个", toNewest: "回到最新",
    followingEmpty: "关注一些人,他们的视频会出现在这里。", followingNeedsLogin: "登录后可以看到你关注的人的视频。", findPeople: "去逛逛",
  },
  player: {
    play: "播放", loading: "加载中", soundOn: "打开声音", soundOff: "关闭声音", progress: "进度", position: "{{at}},共 {{of}}",
    like: "喜欢", unlike: "取消喜欢", comments_one: "{{count}} 条评论", comments_other: "{{count}} 条评论", share: "分享", shareShort: "分享",
    author: "{{name}} 的主页", more: "展开", less: "收起", views_one: "{{shown}} 次观看", views_other: "{{shown}} 次观看", fast: "{{rate}} 倍速", linkCopied: "链接已复制",
    stalled: "这个视频加载很慢。", failed: "这个视频无法播放。", skip: "下一个视频",
  },
  visibility: {
    label: "谁可以看", public: "所有人", followers: "粉丝", friends: "朋友", unlisted: "有链接的人", private: "仅自己",
    hint: {
      public: "会出现在首页和你的主页上。", followers: "关注你的人可以看。", friends: "和你互相关注的人可以看。",
      unlisted: "只会出现在你自己的列表里。", private: "其他人都看不到。",
    },
  },
  video: {
    edit: "编辑视频", editShort: "编辑",
  },
  keys: {
    title: "快捷键", space: "空格", next: "下一个视频", previous: "上一个视频", toggle: "播放或暂停", back: "后退 5 秒", forward: "前进 5 秒",
    mute: "声音开关", like: "喜欢", comments: "评论", share: "分享", search: "搜索", fullscreen: "全屏", help: "显示这个列表",
  },
  comments: {
    title_one: "{{count}} 条评论", title_other: "{{count}} 条评论", empty: "还没有评论,来说点什么吧。", placeholder: "说点什么", send: "发送评论", delete: "删除评论",
  },
  profile: {
    tabs: "视频", works: "作品", liked: "喜欢", following: "关注", followers: "粉丝",
    followingCount: "关注", followerCount: "粉丝", likeCount: "获赞",
    follow: "关注", followed: "已关注", followName: "关注 {{name}}", unfollowName: "取消关注 {{name}}", message: "私信", edit: "编辑资料", signature: "个性签名",
    noWorks: "还没有作品。", noLiked: "还没有喜欢的视频。", nobody: "还没有人。",
  },
  search: {
    label: "搜索", placeholder: "视频、用户、话题", clear: "清空文字", suggestions: "搜索建议",
    suggested_one: "{{count}} 条建议", suggested_other: "{{count}} 条建议", tag: "话题", person: "用户",
    tabs: "搜索类型", video: "视频", user: "用户", tagTab: "话题",
    start: "搜索视频、用户和话题。", recent: "最近搜索", forget: "删除 {{keyword}} 这条记录", forgetAll: "全部删除",
    nothing: "没有找到“{{keyword}}”的相关内容。", tagVideos_one: "{{shown}} 个视频", tagVideos_other: "{{shown}} 个视频",
    order: "排序", newest: "最新", top: "最热", noTagVideos: "还没有带这个话题的视频。",
  },
  publish: {
    title: "发布", needsLogin: "登录后可以发布视频。", drop: "把视频拖到这里", limits: "MP4 或 MOV,最大 {{size}},最长 {{minutes}} 分钟", choose: "选择视频",
    preview: "预览", name: "标题", send: "发布", other: "换一个视频", progress: "上传", percent: "{{percent}} %,{{speed}}/秒", left: "还剩 {{time}}",
    pause: "暂停上传", resume: "继续上传", paused: "已暂停,{{percent}} %。会保留一天。", sent: "已全部上传。", whenSent: "上传完成后会自动发布。",
    lost: "网络断开了,已上传的部分还在,联网后可以继续。",
    checking: "正在检查视频", done: "已发布。", broken: "不确定是否成功。请重试,不会重复发布。",
    problem: { notVideo: "这不是视频。", tooLarge: "文件太大了。", tooLong: "视频太长了。", empty: "文件是空的。" },
  },
  status: {
    title: "你的视频", watch: "观看", works: "我的作品", progress: "进度", qualities: "清晰度:{{list}}",
    queued_one: "前面还有 {{count}} 个视频", queued_other: "前面还有 {{count}} 个视频", queuedNext: "马上轮到这个视频",
    processing: "正在处理,{{percent}} %", ready: "已就绪,各种设备都能播放。", failed: "没能生成其他清晰度。",
    stage: { inspect: "正在分析视频", encode: "正在转码,{{percent}} %", store: "正在保存,{{percent}} %" },
    playsAlready: "视频已发布,现在就能播放,可以离开此页。", playsAnyway: "视频已按原样发布。",
  },
  chat: {
    friends: "朋友", needsLogin: "登录后可以发消息。", choose: "选择一个对话。", noFriends: "你们互相关注后,对方会出现在这里。",
    mine: "我:{{text}}", unread: "未读", with: "与 {{name}} 的对话", placeholder: "写消息", send: "发送消息", failed: "没有发出,点此重试",
    reconnecting: "正在重新连接", newMessages_one: "{{count}} 条新消息", newMessages_other: "{{count}} 条新消息",
  },
  settings: {
    title: "设置", appearance: "外观", theme: "主题", system: "跟随系统", light: "浅色", dark: "深色", language: "语言",
    playback: "播放", alwaysMuted: "始终静音", account: "账号", loggedInAs: "当前账号 {{name}}",
    changePassword: "修改密码", oldPassword: "旧密码", newPassword: "新密码", passwordHint: "其他设备会退出登录。", passwordChanged: "密码已修改。",
  },
};

export default words;
