window.complaints = [];

window.app = Vue.createApp({
  data: () => ({ clicks: 0 }),
  template: `
    <p id="single">Write to sales@company.com, visitor {{ clicks }}</p>
    <ul id="listed"><li v-for="n in clicks" :key="n">sales@company.com</li></ul>
    <a id="mail" :href="'mailto:sales@company.com?subject=' + clicks">Write</a>
    <p v-if="clicks % 2">odd: sales@company.com</p><p v-else>even: sales@company.com</p>
    <button @click="clicks++">Count</button>`,
});
app.config.errorHandler = (error) => complaints.push(String(error));
app.config.warnHandler = (warning) => complaints.push(String(warning));
app.mount("#app");
