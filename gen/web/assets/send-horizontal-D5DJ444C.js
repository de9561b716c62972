<<<<<<<< HEAD:gen/web/assets/send-horizontal-Zo_a9L1w.js
import{T as e}from"./vendor-gZwB4HoN.js";var t={name:`send-horizontal`,size:24,node:[[`path`,{d:`M3.714 3.048a.498.498 0 0 0-.683.627l2.843 7.627a2 2 0 0 1 0 1.396l-2.842 7.627a.498.498 0 0 0 .682.627l18-8.5a.5.5 0 0 0 0-.904z`,key:`117uat`}],[`path`,{d:`M6 12h16`,key:`s4cdu5`}]],aliases:[`send-horizonal`]};t.node;var n=e(t);export{n as t};
========
import{T as e}from"./vendor-B8ksYut1.js";var t={name:`send-horizontal`,size:24,node:[[`path`,{d:`M3.714 3.048a.498.498 0 0 0-.683.627l2.843 7.627a2 2 0 0 1 0 1.396l-2.842 7.627a.498.498 0 0 0 .682.627l18-8.5a.5.5 0 0 0 0-.904z`,key:`117uat`}],[`path`,{d:`M6 12h16`,key:`s4cdu5`}]],aliases:[`send-horizonal`]};t.node;var n=e(t);export{n as t};
>>>>>>>> d062e2b (The status of a video is told by its upload, too, and as a stream over RPC and as Server-Sent Events):gen/web/assets/send-horizontal-D5DJ444C.js
